package main

import (
	"os"
	"testing"

	"github.com/spf13/cobra"

	"videoclub/internal/client"
	"videoclub/internal/client/script"
	"videoclub/internal/command"
	"videoclub/internal/manual"
)

// vcuser(1) has every command and option that there is, and no other.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../packaging/man/vcuser.1")
	if err != nil {
		t.Fatal(err)
	}
	root := newProgram().root()
	command.AddVersion(root, "en")
	for _, difference := range manual.Compare(string(page), root) {
		t.Error(difference)
	}
}

// Every command has its help, with examples, in both languages.
func TestHelp(t *testing.T) {
	for _, language := range []string{"en", "es"} {
		p := newProgram()
		p.Language, p.Words, p.words = language, client.WordsIn(language), wordsIn(language)
		script.Help(t, p.root())
	}
}

// Help fits the terminal that it is printed on, in both languages.
func TestHelpFits(t *testing.T) {
	for _, language := range []string{"en", "es"} {
		script.Fits(t, func(width int) *cobra.Command {
			p := newProgram()
			p.Language, p.Words, p.words, p.Width = language, client.WordsIn(language), wordsIn(language), width
			return p.root()
		}, 40, 60, 80)
	}
}
