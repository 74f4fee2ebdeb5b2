package main

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// release is what the packages are called after: which version of the sources
// their programs were built from, and when those were so.
type release struct {
	source string    // as the programs say it: v1.2.3, or a pseudo-version
	text   string    // as packages write it, in the order of time
	when   time.Time // to the second
	number int       // of the packages of this version, from 1
}

// releaseOf reads the release from the build info of the program at path. When it
// was says SOURCE_DATE_EPOCH (reproducible-builds.org/specs/source-date-epoch),
// else the commit, and of sources without version control the date of their
// manual, which is the same for everybody who has them.
func releaseOf(sources, path string, getenv func(string) string) (release, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return release{}, fmt.Errorf("which version %s is: %w", path, err)
	}
	r := release{source: info.Main.Version, text: packageVersion(info.Main.Version), number: 1}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			if r.when, err = time.Parse(time.RFC3339, s.Value); err != nil {
				return r, fmt.Errorf("when %s was committed: %w", path, err)
			}
		}
	}
	if text := getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return r, fmt.Errorf("SOURCE_DATE_EPOCH=%q is not a number of seconds", text)
		}
		r.when = time.Unix(seconds, 0)
	}
	if r.when.IsZero() {
		if r.when, err = manualDate(filepath.Join(sources, "packaging/man/vccs.8")); err != nil {
			return r, fmt.Errorf("%w; set SOURCE_DATE_EPOCH", err)
		}
	}
	r.when = r.when.UTC()
	return r, nil
}

// manualDate is the date of a man page.
func manualDate(path string) (time.Time, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return time.Time{}, fmt.Errorf("when the sources were so: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	when, err := time.Parse(".Dd January 2, 2006", first)
	if err != nil {
		return time.Time{}, fmt.Errorf("when the sources were so: the date of %s: %w", path, err)
	}
	return when, nil
}

// prerelease finds the parts of a version of Go's (go.dev/ref/mod#versions).
var prerelease = regexp.MustCompile(`^v([0-9]+\.[0-9]+\.[0-9]+)(?:-([0-9A-Za-z.-]+))?(\+.*)?$`)

// packageVersion is a version of Go's as packages write it: what comes before a
// release sorts before it by ~, in dpkg and in rpm, and no part has a hyphen.
func packageVersion(version string) string {
	m := prerelease.FindStringSubmatch(version)
	if m == nil {
		return "0.0.0~devel"
	}
	text := m[1]
	if m[2] != "" {
		text += "~" + strings.ReplaceAll(m[2], "-", ".")
	}
	return text + strings.ReplaceAll(m[3], "-", ".")
}

// environ is the environment in which a release is made again as it was.
func (r release) environ() []string {
	return append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(r.when.Unix(), 10), "TZ=UTC", "LC_ALL=C")
}
