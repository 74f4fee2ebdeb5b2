package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"videoclub/internal/manual"
)

// The man pages explain every setting that a file may have, and no other.
func TestPages(t *testing.T) {
	for name, parse := range map[string]func(text string) error{
		"vccs.toml": func(text string) error {
			_, err := ParseCentral("vccs.toml", []byte(text))
			return err
		},
		"vcvrs.toml": func(text string) error {
			_, err := ParseReception("vcvrs.toml", []byte(text))
			return err
		},
	} {
		page, err := os.ReadFile("../../packaging/man/" + name + ".5")
		if err != nil {
			t.Fatal(err)
		}
		known := knownIn("", parse)
		if len(known) < 5 {
			t.Fatalf("%s knows %q", name, known)
		}
		explained := manual.Settings(string(page))
		for _, key := range known {
			if !slices.Contains(explained, key) {
				t.Errorf("%s(5) does not explain %s", name, key)
			}
		}
		for _, key := range explained {
			if !slices.Contains(known, key) {
				t.Errorf("%s(5) explains %s, which is no setting", name, key)
			}
		}
	}
}

// knownList is where the complaint about an unknown setting lists the known.
var knownList = regexp.MustCompile(`(?m)nonsense"?: is not a setting; there are (.*)$`)

// knownIn gives the settings of a table and of the tables in it, as the
// complaint about a setting that there is not lists them.
func knownIn(head string, parse func(text string) error) (known []string) {
	err := parse(head + "nonsense = 1\n")
	if err == nil {
		return nil
	}
	list := knownList.FindStringSubmatch(err.Error())
	if list == nil {
		return nil
	}
	for _, key := range strings.Split(list[1], ", ") {
		below := append(knownIn("["+key+"]\n", parse), knownIn("[["+key+"]]\n", parse)...)
		if head != "" || len(below) == 0 {
			known = append(known, key)
			continue
		}
		known = append(known, below...)
	}
	return known
}
