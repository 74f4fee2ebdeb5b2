package control

import "time"

// From a session whose peer is a browser. Who it is and what it may belong to
// the supervisor's handle of the session, which looks the secret up that the
// browser has shown last.
type (
	// Enter logs a browser in, by an account's token or by the secret of a link
	// that is used once. Identity is that of the server, where a login link named
	// one.
	Enter struct {
		Secret   string `json:"secret"`
		Identity string `json:"identity,omitempty"`
	}

	// Visit shows the secret of a browser's session; "" is none.
	Visit struct {
		Secret string `json:"secret"`
	}

	// Leave ends the session that was shown.
	Leave struct{}

	// LinkOnce asks for a link that logs a browser in as who asks for it, once.
	LinkOnce struct{}
)

// Entered is what a browser shows from now on.
type Entered struct {
	Secret string `json:"secret"`
}

// Visitor says who a browser is.
type Visitor struct {
	Account  string `json:"account,omitempty"` // its name; "" is none
	Mail     string `json:"mail,omitempty"`
	Admin    bool   `json:"admin"`
	LoggedIn bool   `json:"logged_in"` // by a session, which can be left
}

// OnceLink is a link that logs a browser in once, until it expires.
type OnceLink struct {
	Link    string    `json:"link"` // a secret
	Expires time.Time `json:"expires"`
}
