package look

import (
	"fmt"
	"html/template"
	"time"

	"videoclub/internal/terminal"
)

// Word is one text: in English, and in Spanish.
type Word [2]string

// In gives the text in a language: "es", or English for any other.
func (w Word) In(language string) string {
	if language == "es" {
		return w[1]
	}
	return w[0]
}

// Words are texts by the keys that pages name them by. A page that names one
// that is not there is not made.
type Words map[string]Word

// common are the words that both consoles say.
var common = Words{
	"skip":       {"Skip to the content", "Saltar al contenido"},
	"parts":      {"Parts of the console", "Partes de la consola"},
	"problem":    {"That did not work", "Eso no resultó"},
	"lost_touch": {"The server does not answer. Trying again by itself.", "El servidor no responde. Se intenta de nuevo por sí solo."},
	"log_out":    {"Log out", "Salir"},
	"log_in":     {"Log in", "Entrar"},
	"copy":       {"Copy", "Copiar"},
	"copied":     {"Copied", "Copiado"},

	"proof":      {"Proof", "Prueba"},
	"path":       {"path at the reception", "ruta en la recepción"},
	"size":       {"size", "tamaño"},
	"frames":     {"frames, each with its CRC-32 checked", "cuadros, cada uno con su CRC-32 comprobado"},
	"gaps":       {"gaps", "huecos"},
	"signed_by":  {"signed by", "firmado por"},
	"deposited":  {"deposited", "depositada"},
	"verifying":  {"verifying", "verificando"},
	"resumes":    {"resumes", "reanudaciones"},
	"download":   {"Receipt as JSON", "Recibo en JSON"},
	"promised":   {"promised", "prometida"},
	"late":       {"late", "con atraso"},
	"early":      {"early", "antes de lo prometido"},
	"left":       {"left", "restante"},
	"live":       {"live", "en vivo"},
	"deliveries": {"Deliveries", "Entregas"},
	"titles":     {"Titles", "Títulos"},
}

// functions are what templates can call.
func (p *Pages) functions(language string) template.FuncMap {
	return template.FuncMap{
		"t": func(key string) (string, error) {
			w, ok := p.words[key]
			if !ok {
				return "", fmt.Errorf("no words for %q", key)
			}
			return w.In(language), nil
		},
		"asset":   func(name string) string { return paths[name] },
		"icon":    icon,
		"size":    terminal.Roughly,
		"speed":   terminal.Speed,
		"span":    terminal.Span,
		"running": terminal.Running,
		"instant": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"plain":   func(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") },
	}
}
