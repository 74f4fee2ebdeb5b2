package moment

import (
	"testing"
	"time"
)

// zone loads name or fails the test.
func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// utc reads an RFC 3339 instant or fails the test.
func utc(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}

func TestWallInZone(t *testing.T) {
	for _, c := range []struct{ zone, wall, want string }{
		{"UTC", "2026-11-22 18:00:00", "2026-11-22T18:00:00Z"},
		{"Asia/Kathmandu", "2026-11-22 18:00:00", "2026-11-22T12:15:00Z"},
		// Spain: 02:00 to 03:00 does not exist, and comes twice.
		{"Europe/Madrid", "2026-03-29 01:59:59", "2026-03-29T00:59:59Z"},
		{"Europe/Madrid", "2026-03-29 02:00:00", "2026-03-29T01:00:00Z"},
		{"Europe/Madrid", "2026-03-29 02:59:59", "2026-03-29T01:00:00Z"},
		{"Europe/Madrid", "2026-03-29 03:00:00", "2026-03-29T01:00:00Z"},
		{"Europe/Madrid", "2026-10-25 01:59:59", "2026-10-24T23:59:59Z"},
		{"Europe/Madrid", "2026-10-25 02:00:00", "2026-10-25T00:00:00Z"},
		{"Europe/Madrid", "2026-10-25 02:59:59", "2026-10-25T00:59:59Z"},
		{"Europe/Madrid", "2026-10-25 03:00:00", "2026-10-25T02:00:00Z"},
		// Chile changes at midnight: a day without its first hour, and one with its last twice.
		{"America/Santiago", "2026-09-06 00:00:00", "2026-09-06T04:00:00Z"},
		{"America/Santiago", "2026-09-06 00:30:00", "2026-09-06T04:00:00Z"},
		{"America/Santiago", "2026-09-06 01:00:00", "2026-09-06T04:00:00Z"},
		{"America/Santiago", "2026-04-04 23:30:00", "2026-04-05T02:30:00Z"},
		{"America/Santiago", "2026-04-05 00:00:00", "2026-04-05T04:00:00Z"},
		// Lord Howe changes by half an hour.
		{"Australia/Lord_Howe", "2026-10-04 02:00:00", "2026-10-03T15:30:00Z"},
		{"Australia/Lord_Howe", "2026-10-04 02:29:00", "2026-10-03T15:30:00Z"},
		{"Australia/Lord_Howe", "2026-10-04 02:31:00", "2026-10-03T15:31:00Z"},
		{"Australia/Lord_Howe", "2026-04-05 01:45:00", "2026-04-04T14:45:00Z"},
		{"Australia/Lord_Howe", "2026-04-05 02:00:00", "2026-04-04T15:30:00Z"},
		// Samoa went over the date line and had no 30 December.
		{"Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-31 00:00:00", "2011-12-30T10:00:00Z"},
		// Newfoundland put its clocks back over midnight, into Saturday again.
		{"America/St_Johns", "2009-11-01 00:00:30", "2009-11-01T02:30:30Z"},
		{"America/St_Johns", "2009-10-31 23:30:00", "2009-11-01T02:00:00Z"},
		// Before there were zones.
		{"Asia/Manila", "1800-01-01 00:00:00", "1800-01-01T15:56:08Z"},
	} {
		read, err := time.Parse(time.DateTime, c.wall)
		if err != nil {
			t.Fatal(err)
		}
		got := wall{read}.in(zone(t, c.zone))
		if want := utc(t, c.want); got != want {
			t.Errorf("%s in %s is %v, want %v", c.wall, c.zone, got, want)
		}
	}
}

// Every instant read from a wall is found again by it, but for the second pass
// of an hour that comes twice, which finds the first.
func TestWallIsFoundAgain(t *testing.T) {
	for _, name := range []string{"UTC", "America/Santiago", "Europe/Madrid", "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns"} {
		z := zone(t, name)
		start := utc(t, "2026-01-01T00:00:00Z")
		previous := start.Add(-time.Hour)
		for at := start; at.Year() < 2027; at = at.Add(15 * time.Minute) {
			got := wallOf(at.In(z)).in(z)
			if got.After(at) || wallOf(got.In(z)) != wallOf(at.In(z)) {
				t.Fatalf("%s: %v is read as %v and found as %v", name, at, at.In(z), got)
			}
			if earlier := at.Sub(got); earlier != 0 && earlier != time.Hour && earlier != 30*time.Minute {
				t.Fatalf("%s: %v is found %v earlier", name, at, earlier)
			}
			if got.Equal(at) && !got.After(previous) {
				t.Fatalf("%s: %v is found before %v", name, at, previous)
			}
			previous = got
		}
	}
}
