package console

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"videoclub/internal/control"
)

// outcome is what became of a form, for the page that the browser is sent on to: one
// that is loaded again does not send the form again. It has what only the answer to
// the form knew, and is told once.
type outcome struct {
	Word    string               `json:"word,omitempty"` // a key of words
	Of      []string             `json:"of,omitempty"`   // what stands in them
	Account *control.MadeAccount `json:"account,omitempty"`
	Code    *control.PairingCode `json:"code,omitempty"` // told as long as it can be used
	Next    string               `json:"next,omitempty"` // where to go on from there
	Checked string               `json:"checked,omitempty"`
	Found   []control.Finding    `json:"found,omitempty"` // by the check of that reception
}

// say says it in words.
func (o outcome) say(language string) string {
	if o.Word == "" {
		return ""
	}
	of := make([]any, len(o.Of))
	for i, text := range o.Of {
		of[i] = text
	}
	return fmt.Sprintf(made.Say(language, o.Word), of...)
}

// mostOutcome bounds the cookie of an outcome, in bytes: browsers keep 4096 of each.
const mostOutcome = 3800

// sendOn sends the browser on to a page of this console, which tells the outcome. No
// process that serves a browser knows what another one did, so the browser carries
// it, in two halves: sealed in a cookie, and the key of the seal in the address. A
// link that somebody else made up has no cookie to it, and tells nothing; what reads
// the cookie or the address alone learns nothing of the logins and codes in it.
func (c Console) sendOn(w http.ResponseWriter, r *http.Request, path string, o outcome) {
	key := make([]byte, 16)
	rand.Read(key)
	text, err := json.Marshal(o)
	if err != nil {
		c.fail(w, r, err, http.StatusInternalServerError)
		return
	}
	to := url.URL{Path: path}
	if sealed := base64.RawURLEncoding.EncodeToString(seal(key).Seal(nil, nil, text, []byte(path))); len(sealed) <= mostOutcome {
		http.SetCookie(w, c.outcomeCookie(r, sealed))
		to.RawQuery = "once=" + base64.RawURLEncoding.EncodeToString(key)
	}
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// told gives the outcome that this page is to tell, and has the browser forget it; the
// zero outcome where there is none.
func (c Console) told(w http.ResponseWriter, r *http.Request) (o outcome) {
	key, err := base64.RawURLEncoding.DecodeString(r.URL.Query().Get("once"))
	if err != nil || len(key) != 16 {
		return outcome{}
	}
	cookie, err := r.Cookie(c.outcomeCookie(r, "").Name)
	if err != nil {
		return outcome{}
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return outcome{}
	}
	text, err := seal(key).Open(nil, nil, sealed, []byte(r.URL.Path))
	if err != nil || json.Unmarshal(text, &o) != nil {
		return outcome{} // of another form, which tells it elsewhere
	}
	if o.Code != nil && c.Clock().Before(o.Code.Expires) {
		return o
	}
	gone := c.outcomeCookie(r, "")
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	if o.Code != nil {
		return outcome{}
	}
	return o
}

// outcomeCookie is where a browser keeps an outcome until it is told, as it does its
// session.
func (c Console) outcomeCookie(r *http.Request, sealed string) *http.Cookie {
	cookie := c.cookie(r, sealed)
	cookie.Name += "-outcome"
	return cookie
}

// seal seals with a key that is used once.
func seal(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // not of 16 bytes
	}
	sealed, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return sealed
}
