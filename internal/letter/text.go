package letter

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"videoclub/internal/dcp"
	"videoclub/internal/moment"
	"videoclub/internal/rate"
)

// words are what letters say in one language. What has %1 and %2 takes the
// name of the title and of the reception server.
type words struct {
	subject map[Kind]string

	delivery, path, size, digest, promised, deposited, expected, resumes, key string

	bytes, early, late, onTime, unknown            string
	attached, left, why, detail, whatNow, underWay string
	warning                                        string
	missing, gap, more                             string // of a live source
}

func wordsIn(language string) words {
	if language == "es" {
		return words{
			subject: map[Kind]string{
				Deposited: "Su video %1 ya ha sido depositado en %2",
				Failed:    "Su video %1 no pudo ser depositado en %2",
				Broken:    "Su video %1 no estará en %2 a la hora prometida",
			},
			delivery: "Entrega", path: "Archivo", size: "Tamaño", digest: "SHA-256", promised: "Prometido para",
			deposited: "Depositado", expected: "Se espera para", resumes: "Reanudaciones", key: "Clave del recibo",
			bytes: "%s (%d bytes)", early: "%s antes", late: "%s tarde", onTime: "a la hora", unknown: "no se sabe todavía",
			attached: "El recibo, firmado por el servidor de recepción, va adjunto (receipt.json).\nPara comprobarlo: vcuser show %d",
			left:     "El recibo, firmado por el servidor de recepción, se ve y se comprueba con: vcuser show %d",
			why:      "Motivo", detail: "Detalle", whatNow: "Qué hacer",
			missing: "Lo que falta en la grabación, desde su comienzo:", gap: "%s a %s: %s", more: "y %d huecos más",
			warning:  "ATENCIÓN: llegó tal como está en el servidor central, pero allí le pasa esto:",
			underWay: "La entrega continúa sola, tan rápido como se puede. Para seguirla: vcuser watch %d",
		}
	}
	return words{
		subject: map[Kind]string{
			Deposited: "Your video %1 has been deposited at %2",
			Failed:    "Your video %1 could not be deposited at %2",
			Broken:    "Your video %1 will not be at %2 by the promised time",
		},
		delivery: "Delivery", path: "File", size: "Size", digest: "SHA-256", promised: "Promised for",
		deposited: "Deposited", expected: "Expected for", resumes: "Resumes", key: "Receipt key",
		bytes: "%s (%d bytes)", early: "%s early", late: "%s late", onTime: "on time", unknown: "not known yet",
		attached: "The receipt, signed by the reception server, is attached (receipt.json).\nTo verify it: vcuser show %d",
		left:     "The receipt, signed by the reception server, is shown and verified by: vcuser show %d",
		why:      "Reason", detail: "Detail", whatNow: "What to do",
		missing: "What is missing in the recording, from its beginning:", gap: "%s to %s: %s", more: "and %d more gaps",
		warning:  "WARNING: it arrived as it is at the central server, but there this is wrong with it:",
		underWay: "The delivery goes on by itself, as fast as can be. To follow it: vcuser watch %d",
	}
}

// fill puts the two names into a sentence. A name that holds %2 stays as it is.
func fill(sentence, name, reception string) string {
	before, rest, _ := strings.Cut(sentence, "%1")
	between, after, _ := strings.Cut(rest, "%2")
	return before + name + between + reception + after
}

// text is the body. attached says whether the receipt goes with it.
func (l *Letter) text(attached bool) string {
	w := wordsIn(l.Language)
	lines := table{}
	lines.add(w.delivery, fmt.Sprint(l.Delivery))
	var after string
	switch l.Kind {
	case Deposited:
		after = l.tellDeposit(&lines, w, attached)
	case Failed:
		after = l.tellFailure(&lines, w)
	case Broken:
		lines.add(w.promised, l.until(l.Promised))
		expected := w.unknown
		if !l.Expected.IsZero() {
			expected = l.until(l.Expected)
		}
		lines.add(w.expected, expected)
		after = fmt.Sprintf(w.underWay, l.Delivery)
	}
	return l.Subject() + "\n\n" + lines.String() + "\n" + after + "\n"
}

func (l *Letter) tellDeposit(lines *table, w words, attached bool) (after string) {
	if r := l.Receipt; r != nil {
		lines.add(w.path, plain(r.Path))
		lines.add(w.size, fmt.Sprintf(w.bytes, rate.Size(r.Size), r.Size))
		lines.add(w.digest, r.SHA256)
		lines.add(w.promised, l.until(r.Promised))
		lines.add(w.deposited, l.instant(r.Deposited)+l.margin(w, r.Promised, r.Deposited))
		lines.add(w.resumes, fmt.Sprint(r.Resumes))
		lines.add(w.key, r.Key)
	}
	after = l.warn(w) + l.gaps(w)
	if attached {
		return after + fmt.Sprintf(w.attached, l.Delivery)
	}
	return after + fmt.Sprintf(w.left, l.Delivery)
}

// warn says what is wrong with the source of a folder, as its receipt has it.
func (l *Letter) warn(w words) string {
	if l.Receipt == nil || len(l.Receipt.Warnings) == 0 {
		return ""
	}
	text := w.warning + "\n"
	for _, warning := range l.Receipt.Warnings {
		text += "  " + plain(dcp.Words(l.Language, warning)) + "\n"
	}
	return text + "\n"
}

// mostGaps is how many gaps a letter names; the receipt has them all.
const mostGaps = 10

// gaps says what is missing of a live source, as its receipt has it.
func (l *Letter) gaps(w words) string {
	if l.Receipt == nil || len(l.Receipt.Gaps) == 0 {
		return ""
	}
	text := w.missing + "\n"
	millis := func(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }
	for i, g := range l.Receipt.Gaps {
		if i == mostGaps {
			text += fmt.Sprintf("  "+w.more+"\n", int64(len(l.Receipt.Gaps)-i)+l.Receipt.MoreGaps)
			break
		}
		meaning, _ := g.Reason.Words(l.Language)
		text += fmt.Sprintf("  "+w.gap+"\n", millis(g.From), millis(g.To), plain(meaning))
	}
	return text + "\n"
}

func (l *Letter) tellFailure(lines *table, w words) (after string) {
	meaning, hint := l.Reason.Words(l.Language)
	lines.add(w.promised, l.until(l.Promised))
	lines.add(w.why, meaning)
	lines.add(w.detail, plain(l.Detail))
	if hint == "" {
		return ""
	}
	return w.whatNow + ": " + hint
}

// instant writes t to the second. No time has no line.
func (l *Letter) instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(l.Zone).Format("2006-01-02 15:04:05 -07:00")
}

// until writes the time of a promise. One that falls between two seconds is
// rounded up, so that nothing seems late that is not.
func (l *Letter) until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return l.instant(t.Add(time.Second - time.Nanosecond).Truncate(time.Second))
}

// margin says how long before or after its deadline it was there.
func (l *Letter) margin(w words, promised, deposited time.Time) string {
	before := promised.Sub(deposited).Round(time.Second)
	switch {
	case promised.IsZero():
		return ""
	case before > 0:
		return ", " + fmt.Sprintf(w.early, moment.FormatDuration(before))
	case before < 0:
		return ", " + fmt.Sprintf(w.late, moment.FormatDuration(-before))
	}
	return ", " + w.onTime
}

// table is lines of a label and a value, the values below each other.
type table struct{ rows [][2]string }

func (t *table) add(label, value string) {
	if value != "" {
		t.rows = append(t.rows, [2]string{label + ":", value})
	}
}

func (t *table) String() string {
	width := 0
	for _, r := range t.rows {
		width = max(width, utf8.RuneCountInString(r[0]))
	}
	var b strings.Builder
	for _, r := range t.rows {
		fmt.Fprintf(&b, "%-*s  %s\n", width, r[0], r[1])
	}
	return b.String()
}

// plain is s on one line, at most maxText bytes of it, with nothing in it that
// does not show: names come from other people and other machines.
func plain(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) > maxText {
		at := maxText
		for !utf8.RuneStart(s[at]) {
			at--
		}
		s = s[:at] + "…"
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, s))
}
