package desk

import (
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// Where a title lies is not for users: not when it cannot be read, and not in what
// has become of a delivery.
func TestWhereTitlesLie(t *testing.T) {
	d, now := browsers(t)
	ctx := t.Context()
	admin := &session{desk: d, role: Administrator, local: &localUser{allowed: true}}
	link, err := identity.ParseLink(admin.answer(ctx, control.Call{AddAccount: &control.AddAccount{Name: "ana", Mail: "a@x.cl"}}).Account.Link)
	if err != nil {
		t.Fatal(err)
	}
	ana := &session{desk: d, role: User, peer: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}
	ana.answer(ctx, control.Call{Login: &control.Login{Token: link.Token.String()}})
	q, gone := ask("k"), ask("gone")
	gone.Number = 8
	made := ana.answer(ctx, control.Call{Request: &q}).Delivery
	if made == nil {
		t.Fatal("nothing is promised")
	}
	l, err := d.Ledger.Get(ctx, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Ledger.Fail(ctx, l.ID, reason.SourceChanged, "another file has taken the place of "+l.Location, *now); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]control.Call{
		"a request":    {Request: &gone},
		"a prospect":   {Where: &control.WhereQuery{Number: 8, By: now.Add(time.Hour)}},
		"a story":      {Show: &control.ShowQuery{ID: l.ID}},
		"a list":       {Deliveries: &control.DeliveryQuery{}},
		"what is news": {News: &control.NewsQuery{IDs: []int64{l.ID}}},
	} {
		for s, sees := range map[*session]bool{ana: false, admin: true} {
			r := s.answer(ctx, c)
			text, err := json.Marshal(r)
			if err != nil || !strings.Contains(string(text), "place of") && (r.Refusal == nil || r.Refusal.Code != reason.TitleUnreadable) {
				t.Errorf("%s, %s: %s", what, s.role, text)
			}
			if strings.Contains(string(text), ".avi") != sees {
				t.Errorf("%s, %s: %s", what, s.role, text)
			}
		}
	}
}
