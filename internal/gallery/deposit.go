package gallery

import (
	"net/http"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/reason"
	"videoclub/internal/receipt"
	"videoclub/internal/reel"
)

// depositPage is the page of one deposit, or of a file of a folder.
type depositPage struct {
	control.Shelved
	Base  string // of the paths of what is shown
	Film  reel.Film
	Path  string // in the store
	There bool   // it can be opened
	Proof proof
}

// proof is what shows that a deposit is whole and what was sent.
type proof struct {
	Receipt  *receipt.Receipt
	Signed   bool // the signature is valid
	OwnKey   bool // and of the key that this reception has now
	Check    *control.LastCheck
	Presence string
	Recorded receipt.Recorded
	Margin   time.Duration // from the deposit to the promised time; negative is late
}

// Holds says whether nothing speaks against it.
func (p proof) Holds() bool {
	return p.Signed && p.Presence != "touched" && p.Presence != "gone" && (p.Check == nil || p.Check.Good)
}

// Late says whether it was later than promised.
func (p proof) Late() bool { return p.Margin < 0 }

// Behind is how late it was.
func (p proof) Behind() time.Duration { return -p.Margin }

// Live says whether it was recorded from a live source.
func (p proof) Live() bool { return p.Receipt != nil && p.Receipt.Version == receipt.VersionLive }

// prove looks at what a deposit has for its proof.
func prove(s control.Shown) proof {
	p := proof{Check: s.Check, Presence: s.Deposit.Presence}
	r, err := receipt.Parse(s.Receipt)
	if err != nil {
		return p
	}
	p.Receipt = &r
	p.Signed = receipt.Verify(r) == nil && r.Delivery == s.Deposit.Key
	p.OwnKey = p.Signed && r.Key == s.ReceiptKey && r.Receiver == s.Receiver
	p.Recorded = r.Recorded()
	if !r.Promised.IsZero() {
		p.Margin = r.Promised.Sub(r.Deposited)
	}
	return p
}

// shown asks for a deposit.
func (g Gallery) shown(r *http.Request) (control.Shown, error) {
	a, err := g.query(r.Context(), control.StoreQuery{Show: &control.ShowKey{Key: r.PathValue("key")}})
	switch {
	case err != nil:
		return control.Shown{}, err
	case a.Shown == nil || a.Shown.Deposit == nil:
		return control.Shown{}, reason.New(reason.UnknownDelivery, "it is not deposited here")
	}
	return *a.Shown, nil
}

func (g Gallery) deposit(w http.ResponseWriter, r *http.Request) {
	s, err := g.shown(r)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	d := depositPage{Shelved: *s.Deposit, Base: "/deposits/" + s.Deposit.Key, Path: s.Path, Proof: prove(s)}
	if !d.Folder {
		if m, err := g.open(r.Context(), which{key: d.Key, what: control.OfDeposit}); err == nil {
			d.Film, d.There = m.film, true
			m.Close()
		}
	}
	p := g.page(r, d.Name, d)
	pages.Show(w, p.Lang, http.StatusOK, "deposit.html", p)
}

// receipt serves the receipt as it was signed.
func (g Gallery) receipt(w http.ResponseWriter, r *http.Request) {
	s, err := g.shown(r)
	if err == nil && len(s.Receipt) == 0 {
		err = reason.New(reason.StoreFailed, "the receipt cannot be read any more")
	}
	if err != nil {
		g.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	disposition(w, s.Deposit.Key+".receipt.json")
	w.Write(append(s.Receipt, '\n'))
}
