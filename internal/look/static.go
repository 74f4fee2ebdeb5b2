package look

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
)

//go:embed assets
var assets embed.FS

//go:embed pages
var pages embed.FS

// Static serves the files below /assets/: those that both consoles have, and
// those of the directory assets in own. Each is asked for by its name and its
// version (Path), so that a browser needs to ask once.
func Static(own fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(r.URL.Path)
		text, err := fs.ReadFile(own, "assets/"+name)
		if err != nil {
			text, err = assets.ReadFile("assets/" + name)
		}
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		if r.URL.RawQuery == version(text) {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			w.Header().Set("Cache-Control", "no-cache")
		}
		w.Write(text)
	})
}

// Path is where a file of assets is to be asked for, with its version.
func Path(files fs.FS, name string) string {
	text, err := fs.ReadFile(files, "assets/"+name)
	if err != nil {
		panic(err) // it is embedded
	}
	return "/assets/" + name + "?" + version(text)
}

// version tells one content of a file from another.
func version(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// paths are those of the files that both consoles have.
var paths = map[string]string{}

func init() {
	for _, name := range []string{"style.css", "look.js", "logo.svg"} {
		paths[name] = Path(assets, name)
	}
}
