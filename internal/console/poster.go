package console

import (
	"fmt"
	"hash/fnv"
	"html/template"
	"strings"

	"videoclub/internal/control"
)

// inks are pairs of colours that white text can be read on.
var inks = [...][2]string{
	{"#0b4f4a", "#12786c"}, {"#3b2a63", "#6b3f8f"}, {"#5c1f2e", "#94374a"}, {"#153a66", "#2464a3"},
	{"#4a3410", "#86601c"}, {"#1d4220", "#3a7340"}, {"#432038", "#7c3a68"}, {"#28343f", "#4d6375"},
}

// hashOf is always the same for the same title.
func hashOf(t film) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", t.Number, t.Name)
	return h.Sum64()
}

// inkOf is a title's colours.
func inkOf(t film) [2]string { return inks[hashOf(t)%uint64(len(inks))] }

// poster draws what stands for a title of which there is no picture, always the
// same for the same title: a picture by its name, and the sign of its kind.
func poster(t film) template.HTML {
	n, ink := hashOf(t), inkOf(t)
	bit := func(at, of int) int { return int(n >> at % 61 % uint64(of)) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="art" viewBox="0 0 320 180" preserveAspectRatio="xMidYMid slice" aria-hidden="true" focusable="false">`+
		`<defs><linearGradient id="ink%[1]d" x1="0" y1="0" x2="1" y2="1"><stop stop-color="%[2]s"/><stop offset="1" stop-color="%[3]s"/></linearGradient></defs>`+
		`<rect width="320" height="180" fill="url(#ink%[1]d)"/><g fill="#fff">`, t.Number, ink[0], ink[1])
	switch t.Kind() {
	case control.KindSound:
		for i := range 40 {
			high := 12 + (bit(i, 97)*(i+3)*7+i*i*13)%90
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="4" height="%d" rx="2" opacity=".55"/>`, 1+i*8, 86-high/2, high)
		}
	case control.KindLive:
		for i := range 4 {
			fmt.Fprintf(&b, `<circle cx="160" cy="86" r="%d" fill="none" stroke="#fff" stroke-width="5" opacity="%.2f"/>`, 14+i*26, .6-float64(i)*.13)
		}
		b.WriteString(`<circle cx="160" cy="86" r="7"/>`)
	case control.KindFolder:
		for i := range 4 {
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="150" height="84" rx="8" opacity="%.2f"/>`, 50+i*22+bit(3, 20), 22+i*14, .1+float64(i)*.08)
		}
	default:
		fmt.Fprintf(&b, `<circle cx="%d" cy="%d" r="%d" opacity=".13"/><circle cx="%d" cy="%d" r="%d" opacity=".1"/><path d="M0 %d Q %d %d 160 %d T 320 %d V180 H0z" opacity=".12"/>`,
			40+bit(7, 240), 20+bit(13, 100), 30+bit(17, 50), 40+bit(23, 240), 60+bit(29, 100), 20+bit(31, 60),
			100+bit(37, 50), 40+bit(41, 80), 60+bit(43, 60), 90+bit(47, 60), 80+bit(53, 70))
	}
	b.WriteString(`</g></svg>`)
	return template.HTML(b.String())
}

// sign is the icon of a kind.
func sign(k control.Kind) string {
	switch k {
	case control.KindSound:
		return "sound"
	case control.KindPicture:
		return "picture"
	case control.KindFolder:
		return "folder"
	case control.KindLive:
		return "camera"
	}
	return "film"
}
