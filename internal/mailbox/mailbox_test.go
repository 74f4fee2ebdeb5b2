package mailbox

import (
	"net/mail"
	"strings"
	"testing"

	"videoclub/internal/reason"
)

func TestCheck(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for address, good := range map[string]bool{
		"ana@example.cl":         true,
		"a@b":                    true,
		"videoclub@localhost":    true,
		"ana.maria+films@ELO.cl": true,
		"!#$%&'*+-/=?^_`{|}~@x":  true,
		"ana@xn--and-6ma2c.cl":   true,
		long(64) + "@" + long(63) + "." + long(63) + "." + long(61): true,
		long(64) + "@" + long(63) + "." + long(63) + "." + long(62): false,
		long(65) + "@example.cl":                                    false,
		"ana@" + long(64) + ".cl":                                   false,
		"":                                                          false,
		"ana":                                                       false,
		"@example.cl":                                               false,
		"ana@":                                                      false,
		"ana@@example.cl":                                           false,
		"ana@b@example.cl":                                          false,
		".ana@example.cl":                                           false,
		"ana.@example.cl":                                           false,
		"a..b@example.cl":                                           false,
		"ana@example.cl.":                                           false,
		"ana@.cl":                                                   false,
		"ana@-a.cl":                                                 false,
		"ana@a-.cl":                                                 false,
		"ana@a_b.cl":                                                false,
		"ana maria@example.cl":                                      false,
		"ana@example.cl ":                                           false,
		"Ana <ana@example.cl>":                                      false,
		"<ana@example.cl>":                                          false,
		"\"ana\"@example.cl":                                        false,
		"ana@[192.0.2.7]":                                           false,
		"ana,eva@example.cl":                                        false,
		"ana@example.cl,eva@a.cl":                                   false,
		"ana(x)@example.cl":                                         false,
		"aña@example.cl":                                            false,
		"ana@andé.cl":                                               false,
		"ana@example.cl\r\nBcc: x@y.z":                              false,
		"ana\n@example.cl":                                          false,
		"ana\x00@example.cl":                                        false,
		"ana\x7f@example.cl":                                        false,
		"ana\xff@example.cl":                                        false,
	} {
		err := Check(address)
		if (err == nil) != good || !good && reason.Of(err) != reason.Usage {
			t.Errorf("%q: %v", address, err)
		}
		if good && !strings.HasSuffix(address, "@"+Domain(address)) {
			t.Errorf("%q: domain %q", address, Domain(address))
		}
	}
}

// What is accepted means the same to every reader, and can be a line of SMTP.
func FuzzCheck(f *testing.F) {
	for _, address := range []string{"ana@example.cl", "a.b+c@d-e.f", "\"a\"@b", "a@b\r\n", "=?utf-8?q?a?=@b"} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if Check(address) != nil {
			return
		}
		parsed, err := mail.ParseAddress("<" + address + ">")
		if err != nil || parsed.Address != address || parsed.Name != "" {
			t.Fatalf("%q is read as %+v, %v", address, parsed, err)
		}
		if strings.ContainsAny(address, " \t\r\n<>,;:()[]\"\\") || len(address) > MaxSize {
			t.Fatalf("%q", address)
		}
	})
}
