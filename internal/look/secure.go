package look

import (
	"net/http"

	"videoclub/internal/reason"
)

// policy is the Content-Security-Policy of every page: nothing but what this
// server itself sends, no script or style within a page.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// maxForm bounds the body of a form, in bytes.
const maxForm = 16 << 10

// Secured sets what every answer has, bounds what comes, and refuses the form of
// another site's page (Sec-Fetch-Site, else Origin) and one that cannot be read,
// which is not one that has nothing in it: refuse answers these.
func Secured(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	same := http.NewCrossOriginProtection()
	same.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { refuse(w, r, foreign) }))
	next = same.Handler(filled(next, refuse))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// foreign is the error of a form that came from another site's page.
var foreign = reason.New(reason.NotPermitted, "the form is of another site's page")

// filled reads the form of whatever changes something.
func filled(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if err := r.ParseForm(); err != nil {
				refuse(w, r, reason.Wrap(reason.Usage, err, "the form cannot be read; choose or write less at once"))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
