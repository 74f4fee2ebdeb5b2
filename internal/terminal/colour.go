package terminal

// Colour is what a text is shown in, beside what it says: nothing is said by a
// colour alone.
type Colour string

// The colours, as parameters of SGR (ECMA-48, section 8.3.117); those of the
// terminal's own palette, so that they can be read on its background.
const (
	Plain   Colour = ""
	Heading Colour = "1"
	Good    Colour = "32"
	Warning Colour = "33"
	Bad     Colour = "31"
)

// Palette says whether colours are shown.
type Palette bool

// PaletteOf shows colours on a terminal that has them, unless the person wants none
// (https://no-color.org).
func PaletteOf(terminal bool, getenv func(string) string) Palette {
	return Palette(terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && getenv("TERM") != "")
}

// Paint gives text in a colour. Its width is that of text.
func (p Palette) Paint(c Colour, text string) string {
	if !p || c == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}
