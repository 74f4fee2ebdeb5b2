package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// scriptsOf are what a kind of package runs when it comes and goes: the file in
// packaging/KIND, by what nfpm calls it.
var scriptsOf = map[string]map[string]string{
	deb: {"postinstall": "postinst", "preremove": "prerm", "postremove": "postrm"},
	rpm: {"postinstall": "post", "preremove": "preun", "postremove": "postun"},
}

// store is where deposits are stored unless the settings name another place, of
// the part that has some (units/tmpfiles.d).
var store = map[string]string{reception: "/srv/videoclub"}

// scripts writes the scripts of a package into dir, and gives their paths by
// what nfpm calls them. The words between @ are replaced by what the part has.
// The clients have no units, and so no scripts.
func (m maker) scripts(files []file, dir string) (map[string]string, error) {
	paths := make(map[string]string)
	if m.part == client {
		return paths, nil
	}
	units, err := enabled(m.sources, files)
	if err != nil {
		return nil, err
	}
	var all, services, users, folders []string
	for _, f := range files {
		name := path.Base(f.to)
		switch {
		case f.form != unit:
		case strings.HasPrefix(f.to, unitFolders["sysusers.d"]):
			users = append(users, name)
		case strings.HasPrefix(f.to, unitFolders["tmpfiles.d"]):
			folders = append(folders, name)
		case strings.HasPrefix(f.to, unitFolders["."]) && !strings.Contains(name, "@"):
			all = append(all, name)
		}
	}
	for _, name := range units {
		// What is started by another unit for a moment is not restarted.
		if strings.HasSuffix(name, ".service") {
			services = append(services, name)
		}
	}
	words := strings.NewReplacer(
		"@PACKAGE@", "videoclub-"+m.part, "@PROGRAM@", programs[m.part][0],
		"@UNITS@", strings.Join(all, " "), "@ENABLED@", strings.Join(units, " "), "@SERVICES@", strings.Join(services, " "),
		"@STORE@", store[m.part], "@SYSUSERS@", strings.Join(users, " "), "@TMPFILES@", strings.Join(folders, " "),
	)
	for called, name := range scriptsOf[m.kind] {
		text, err := os.ReadFile(filepath.Join(m.sources, "packaging", m.kind, name))
		if err != nil {
			return nil, err
		}
		script := words.Replace(string(text))
		if _, rest, left := strings.Cut(script, "@"); left && strings.Contains(rest, "@") {
			return nil, fmt.Errorf("packaging/%s/%s: a word between @ that nobody knows", m.kind, name)
		}
		paths[called] = filepath.Join(dir, name)
		if err := os.WriteFile(paths[called], []byte(script), 0o755); err != nil {
			return nil, err
		}
	}
	return paths, nil
}
