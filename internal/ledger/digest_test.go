package ledger

import (
	"slices"
	"strings"
	"testing"

	"videoclub/internal/reason"
)

// A digest that is wanted is wanted until it is known or the file has changed,
// through restarts; what is known of one version says nothing of another.
func TestDigests(t *testing.T) {
	ctx, path := t.Context(), place(t)
	l := openAt(t, path)
	sum := func(digit string) string { return strings.Repeat(digit, 64) }
	first, other, changed := Source{"/srv/b", 3, 4}, Source{"/srv/a", 5, 6}, Source{"/srv/b", 3, 5}
	for _, s := range []Source{first, other, first} {
		must(t, l.WantDigest(ctx, s))
	}
	must(t, l.Close())
	l = openAt(t, path)
	wanted := func(want ...Source) {
		t.Helper()
		got, err := l.WantedDigests(ctx)
		must(t, err)
		if !slices.Equal(got, want) {
			t.Errorf("wanted are %v, want %v", got, want)
		}
	}
	known := func(s Source, want string) {
		t.Helper()
		got, ok, err := l.DigestOf(ctx, s.Location, s.Size, s.MTime)
		must(t, err)
		if got != want || ok != (want != "") {
			t.Errorf("the digest of %v is %q, %t", s, got, ok)
		}
	}
	wanted(first, other)
	known(first, "")
	must(t, l.RememberDigest(ctx, first, sum("a")))
	must(t, l.WantDigest(ctx, first)) // known by now
	must(t, l.UnwantDigest(ctx, first.Location))
	wanted(other)
	known(first, sum("a"))
	known(changed, "")
	must(t, l.UnwantDigest(ctx, other.Location))
	must(t, l.WantDigest(ctx, changed))
	wanted(changed)
	known(first, "")
	must(t, l.RememberDigest(ctx, changed, sum("b")))
	known(changed, sum("b"))
	wanted()

	wantReason(t, l.RememberDigest(ctx, changed, "abc"), reason.Internal)
	wantReason(t, l.WantDigest(ctx, Source{}), reason.Usage)
	wantReason(t, l.WantDigest(ctx, Source{Location: strings.Repeat("x", MaxText+1)}), reason.Usage)
}
