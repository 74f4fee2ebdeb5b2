package letter

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jordan-wright/email"

	"videoclub/internal/mailbox"
	"videoclub/internal/reason"
)

// sender is the name beside the From address.
const sender = "Video Club"

// maxLine is how long a line should be (RFC 5322, section 2.1.1), without its
// CRLF.
const maxLine = 78

// compose makes the message, with the receipt attached unless it is empty.
func (l *Letter) compose(attachment []byte) ([]byte, error) {
	for _, address := range []string{l.From, l.To} {
		if err := mailbox.Check(address); err != nil {
			return nil, err
		}
	}
	if !messageID(l.MessageID) {
		return nil, reason.New(reason.Internal, "%.80q is not a message id", l.MessageID)
	}
	e := email.NewEmail()
	e.From = fmt.Sprintf("%q <%s>", sender, l.From)
	e.To = []string{"<" + l.To + ">"}
	e.Subject = unstructured(l.Subject())
	e.Text = []byte(l.text(len(attachment) > 0))
	e.Headers.Set("Date", l.Date.In(l.Zone).Format(time.RFC1123Z))
	e.Headers.Set("Message-Id", l.MessageID)
	e.Headers.Set("Auto-Submitted", "auto-generated") // RFC 3834, section 5: nobody answers it by a machine
	if len(attachment) > 0 {
		if _, err := e.Attach(bytes.NewReader(attachment), "receipt.json", "application/json"); err != nil {
			return nil, err
		}
	}
	raw, err := e.Bytes()
	if err != nil {
		return nil, reason.Wrap(reason.Internal, err, "composing a mail")
	}
	return arrange(raw), nil
}

// messageID says whether id is <LOCAL@DOMAIN> of the characters of an address.
func messageID(id string) bool {
	inner, ok := strings.CutPrefix(id, "<")
	inner, end := strings.CutSuffix(inner, ">")
	return ok && end && mailbox.Check(inner) == nil
}

// longestPlain is how long a subject may be to go without encoding: with its
// name it then needs no folding, at which spaces could be lost.
const longestPlain = maxLine - len("Subject: ")

// unstructured gives s as a header takes it: as it is where it is short ASCII
// that nobody could take for encoded, else in encoded words (RFC 2047,
// section 2) with a space between them.
func unstructured(s string) string {
	ascii := !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
	if ascii && len(s) <= longestPlain && !strings.Contains(s, "=?") && s == strings.TrimSpace(s) {
		return s
	}
	const most = 42 // bytes, of which base64 makes 56 characters
	var encoded []string
	for s != "" {
		at := min(most, len(s))
		for at < len(s) && !utf8.RuneStart(s[at]) {
			at-- // a word holds whole characters (section 5)
		}
		encoded = append(encoded, "=?UTF-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:at]))+"?=")
		s = s[at:]
	}
	return strings.Join(encoded, " ")
}

// arrange makes the same message of the same content: the library writes
// headers in any order and takes the boundary at random. It folds what is long.
func arrange(raw []byte) []byte {
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	fields := strings.Split(strings.ReplaceAll(string(head), "\r\n ", " "), "\r\n")
	order := []string{"Date", "From", "To", "Subject", "Message-Id", "Auto-Submitted", "Mime-Version", "Content-Type", "Content-Transfer-Encoding"}
	slices.SortStableFunc(fields, func(a, b string) int {
		return slices.Index(order, name(a)) - slices.Index(order, name(b))
	})
	var boundary string
	for i, f := range fields {
		if _, after, found := strings.Cut(f, "boundary="); found && name(f) == "Content-Type" {
			boundary = after
		}
		fields[i] = fold(f)
	}
	message := []byte(strings.Join(fields, "\r\n") + "\r\n\r\n" + string(body))
	if boundary == "" {
		return message
	}
	// Nobody can write a text that holds the digest of itself.
	content := bytes.ReplaceAll(message, []byte(boundary), nil)
	sum := sha256.Sum256(content)
	return bytes.ReplaceAll(message, []byte(boundary), []byte(hex.EncodeToString(sum[:20])))
}

func name(field string) string {
	name, _, _ := strings.Cut(field, ":")
	return name
}

// fold breaks a field at spaces into lines that are not too long, where it has
// spaces to break at.
func fold(field string) string {
	var b strings.Builder
	length := 0
	for i, word := range strings.Split(field, " ") {
		switch {
		case i == 0:
		case i > 1 && length+1+len(word) > maxLine: // not behind the name
			b.WriteString("\r\n ")
			length = 1
		default:
			b.WriteByte(' ')
			length++
		}
		b.WriteString(word)
		length += len(word)
	}
	return b.String()
}
