package ledger

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"videoclub/internal/reason"
	"videoclub/internal/receipt"
)

var morning = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// A code is used once, until it expires, and only the latest of a reception.
func TestPairing(t *testing.T) {
	path := place(t)
	l := openAt(t, path)
	ctx := t.Context()
	pairing := func(secret string) Pairing {
		return Pairing{Name: "sala", Secret: []byte(secret), Made: morning, Expires: morning.Add(time.Hour)}
	}
	at := &Place{Name: "sala", Address: "sala.example:1", Link: 1000, Added: morning}
	must(t, l.AddPairing(ctx, pairing("old"), at))
	must(t, l.AddPairing(ctx, pairing("new"), nil))
	who := Reception{Name: "sala", Address: "sala.example:1", Identity: "first", ReceiptKey: "k"}
	wantReason(t, l.Pair(ctx, who, []byte("old"), morning), reason.PairingInvalid)
	wantReason(t, l.Pair(ctx, who, []byte("new"), morning.Add(time.Hour)), reason.PairingExpired)
	must(t, l.Close())
	l = openAt(t, path)
	must(t, l.Pair(ctx, who, []byte("new"), morning.Add(time.Minute)))
	wantReason(t, l.Pair(ctx, who, []byte("new"), morning.Add(time.Minute)), reason.PairingInvalid)
	if got, err := l.ReceptionByName(ctx, "sala"); err != nil || got.Identity != "first" || !got.Paired.Equal(morning.Add(time.Minute)) {
		t.Errorf("%+v, %v", got, err)
	}
	// What is met later does not change when it was paired, nor who it is.
	who.Seen = morning.Add(time.Hour)
	must(t, l.RememberReception(ctx, who))
	if got, _ := l.ReceptionByName(ctx, "sala"); !got.Paired.Equal(morning.Add(time.Minute)) {
		t.Errorf("it was paired at %v", got.Paired)
	}
	wantReason(t, l.RememberReception(ctx, Reception{Name: "sala", Identity: "impostor"}), reason.IdentityChanged)
	// Another code replaces who it was.
	must(t, l.AddPairing(ctx, pairing("again"), nil))
	who.Identity = "second"
	must(t, l.Pair(ctx, who, []byte("again"), morning))
	if got, _ := l.ReceptionByName(ctx, "sala"); got.Identity != "second" {
		t.Errorf("it is %s", got.Identity)
	}
	if places, err := l.Places(ctx); err != nil || len(places) != 1 || places[0] != *at {
		t.Errorf("%+v, %v", places, err)
	}
	must(t, l.AddPairing(ctx, pairing("waits"), nil))
	if waiting, err := l.Pairings(ctx); err != nil || len(waiting) != 1 || string(waiting[0].Secret) != "waits" {
		t.Errorf("%+v, %v", waiting, err)
	}
	must(t, l.RemoveReception(ctx, "sala"))
	wantReason(t, l.RemoveReception(ctx, "sala"), reason.UnknownReception)
	wantReason(t, l.Pair(ctx, who, []byte("waits"), morning), reason.PairingInvalid)
	if _, err := l.ReceptionByName(ctx, "sala"); reason.Of(err) != reason.UnknownReception {
		t.Errorf("it is still known: %v", err)
	}
	for _, p := range []Pairing{{}, {Name: "x"}} {
		wantReason(t, l.AddPairing(ctx, p, nil), reason.Usage)
	}
}

func TestReceptionInUse(t *testing.T) {
	l := openAt(t, place(t))
	ctx := t.Context()
	d := promised(t, l, 1)
	must(t, l.RememberReception(ctx, Reception{Name: d.Reception, Identity: "x"}))
	wantReason(t, l.RemoveReception(ctx, d.Reception), reason.ReceptionInUse)
	must(t, l.Cancel(ctx, d.ID, morning))
	must(t, l.RemoveReception(ctx, d.Reception))
}

func TestAccounts(t *testing.T) {
	l := openAt(t, place(t))
	ctx := t.Context()
	if has, err := l.HasAccounts(ctx); has || err != nil {
		t.Fatal(has, err)
	}
	ana, err := l.AddAccount(ctx, Account{Name: "ana", Mail: "ana@x.cl", Token: []byte("t1"), Created: morning}, false)
	must(t, err)
	_, err = l.AddAccount(ctx, Account{Name: "ana", Mail: "other@x.cl", Token: []byte("t2"), Created: morning}, false)
	wantReason(t, err, reason.AccountExists)
	_, err = l.AddAccount(ctx, Account{Name: "luis", Mail: "l@x.cl", Token: []byte("t3")}, true)
	wantReason(t, err, reason.UnknownAccount)
	for _, a := range []Account{{}, {Name: "x"}} {
		_, err = l.AddAccount(ctx, a, false)
		wantReason(t, err, reason.Usage)
	}
	must(t, l.AccountSeen(ctx, ana.ID, morning.Add(time.Hour)))
	if got, err := l.AccountByName(ctx, "ana"); err != nil || got.Mail != "ana@x.cl" || string(got.Token) != "t1" || !got.Seen.Equal(morning.Add(time.Hour)) || got.Admin {
		t.Errorf("%+v, %v", got, err)
	}
	renewed, err := l.AddAccount(ctx, Account{Name: "ana", Mail: "ana@y.cl", Admin: true, Token: []byte("t4")}, true)
	if err != nil || renewed.ID != ana.ID || string(renewed.Token) != "t4" || !renewed.Seen.IsZero() || !renewed.Admin || !renewed.Created.Equal(morning) {
		t.Errorf("%+v, %v", renewed, err)
	}
	gone, err := l.RemoveAccount(ctx, "ana", nil)
	if err != nil || gone.ID != ana.ID {
		t.Errorf("%+v, %v", gone, err)
	}
	_, err = l.RemoveAccount(ctx, "ana", nil)
	wantReason(t, err, reason.UnknownAccount)
	again, err := l.AddAccount(ctx, Account{Name: "ana", Mail: "ana@x.cl", Token: []byte("t5")}, false)
	if err != nil || again.ID == ana.ID {
		t.Errorf("a new account of the name has the id of the old one: %+v, %v", again, err)
	}
	if all, err := l.Accounts(ctx); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	if has, err := l.HasAccounts(ctx); !has || err != nil {
		t.Error(has, err)
	}
}

// A receipt of before the reception was paired again, or removed, is known by the
// key that it was signed with; one by a key that it never had is not.
func TestFormerReceiptKeys(t *testing.T) {
	l := openAt(t, place(t))
	key := func(fill byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{fill}, ed25519.SeedSize))
	}
	name := func(k ed25519.PrivateKey) string { return hex.EncodeToString(k.Public().(ed25519.PublicKey)) }
	first, second, foreign := key(1), key(2), key(3)
	by := func(k ed25519.PrivateKey) Delivery {
		signed, err := receipt.Marshal(receipt.Sign(receipt.Receipt{
			Version: receipt.Version, Delivery: "11111111-1", Title: 7, Name: "La Piedra", Reception: "sala.test", Path: "La Piedra.avi", Size: 5,
			SHA256: strings.Repeat("0", 64), Deposited: time.UnixMilli(1).UTC(), Central: strings.Repeat("1", 64), Receiver: strings.Repeat("2", 64),
		}, k))
		must(t, err)
		return Delivery{Reception: "sala.test", Receipt: signed}
	}
	wants := func(what string, d Delivery, want string) {
		t.Helper()
		if got, err := l.ReceiptKey(t.Context(), d); err != nil || got != want {
			t.Errorf("%s: %.8s, %v; want %.8s", what, got, err, want)
		}
	}
	wants("an unknown reception", by(first), "")
	pair := func(k ed25519.PrivateKey) {
		t.Helper()
		secret, now := []byte("0123456789abcdef"), time.Now()
		must(t, l.AddPairing(t.Context(), Pairing{Name: "sala.test", Secret: secret, Made: now, Expires: now.Add(time.Hour)}, nil))
		must(t, l.Pair(t.Context(), Reception{Name: "sala.test", Address: "x:1", Identity: strings.Repeat("2", 64), ReceiptKey: name(k)}, secret, now))
	}
	pair(first)
	wants("the key of now", by(first), name(first))
	pair(second)
	wants("the key of before", by(first), name(first))
	wants("the key of now, after it", by(second), name(second))
	wants("no receipt yet", Delivery{Reception: "sala.test"}, name(second))
	wants("a key that it never had", by(foreign), name(second))
	wants("another's", Delivery{Reception: "other.test", Receipt: by(first).Receipt}, "")
	must(t, l.RemoveReception(t.Context(), "sala.test"))
	wants("removed", by(second), name(second))
	wants("removed, a key that it never had", by(foreign), "")
}
