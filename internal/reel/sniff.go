package reel

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// sniffed is how much of a file's beginning is looked at, in bytes.
const sniffed = 4096

// The media types that are looked at closer.
const (
	typeMatroska = "video/x-matroska"
	typeAVI      = "video/x-msvideo"
)

// signature is what a file of a type begins with.
type signature struct {
	at    int
	bytes string
	kind  Kind
	media string
}

// signatures are tried in order. Of what can carry a script, such as HTML and
// SVG, there is none: it is text, or kept.
var signatures = []signature{
	{0, "\xff\xd8\xff", Image, "image/jpeg"},
	{0, "\x89PNG\r\n\x1a\n", Image, "image/png"},
	{0, "GIF87a", Image, "image/gif"},
	{0, "GIF89a", Image, "image/gif"},
	{8, "WEBP", Image, "image/webp"},
	{4, "ftypavif", Image, "image/avif"},
	{4, "ftypM4A ", Audio, "audio/mp4"},
	{4, "ftyp", Video, "video/mp4"},
	{4, "moov", Video, "video/mp4"},
	{8, "WAVE", Audio, "audio/wav"},
	{8, "AVI ", Data, typeAVI},
	{0, "fLaC", Audio, "audio/flac"},
	{0, "ID3", Audio, "audio/mpeg"},
	{0, "\xff\xfb", Audio, "audio/mpeg"},
	{0, "\xff\xf3", Audio, "audio/mpeg"},
	{0, "\xff\xf1", Audio, "audio/aac"},
	{0, "OggS", Audio, "audio/ogg"},
	{0, "\x1a\x45\xdf\xa3", Video, typeMatroska},
}

// sniff says what a file is that begins with head.
func sniff(head []byte) Film {
	for _, s := range signatures {
		if len(head) < s.at+len(s.bytes) || string(head[s.at:s.at+len(s.bytes)]) != s.bytes {
			continue
		}
		if s.at == 8 && !bytes.HasPrefix(head, []byte("RIFF")) {
			continue
		}
		f := Film{Kind: s.kind, Type: s.media}
		switch {
		case f.Type == typeMatroska && bytes.Contains(head[:min(64, len(head))], []byte("webm")):
			f.Type = "video/webm"
		case f.Type == "audio/ogg" && bytes.Contains(head[:min(64, len(head))], []byte("theora")):
			f.Kind, f.Type = Video, "video/ogg"
		}
		return f
	}
	if readable(head) {
		return Film{Kind: Text, Type: "text/plain; charset=utf-8"}
	}
	return Film{Kind: Data, Type: "application/octet-stream"}
}

// readable says whether head begins a text in UTF-8.
func readable(head []byte) bool {
	if len(head) == sniffed { // a character may be cut off
		for range utf8.UTFMax - 1 {
			if utf8.Valid(head) {
				break
			}
			head = head[:len(head)-1]
		}
	}
	odd := func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r", r) || r == 0x7f }
	return len(head) > 0 && utf8.Valid(head) && bytes.IndexFunc(head, odd) < 0
}
