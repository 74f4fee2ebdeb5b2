package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"videoclub/internal/api"
	"videoclub/internal/catalogue"
	"videoclub/internal/control"
)

// startCentral starts a central server with a sound that can be a title.
func startCentral(t *testing.T) *central {
	t.Helper()
	c := &central{work: t.TempDir()}
	if err := os.WriteFile(filepath.Join(c.work, "a.wav"), wav(1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop() })
	return c
}

// titles parses the server's file.
func (c *central) titles(t *testing.T) map[int]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.work, "videos.txt"))
	if err != nil {
		t.Fatal(err)
	}
	list, problems, err := catalogue.Parse(text)
	if err != nil || len(problems) > 0 {
		t.Fatalf("the file is not whole: %v, %v", problems, err)
	}
	names := make(map[int]string)
	for _, title := range list.Titles() {
		names[title.Number] = title.Name
	}
	return names
}

// Two administrators add and remove while an editor appends lines: each hears
// of its own numbers, and nothing is lost.
func TestAdministratorsAndAnEditor(t *testing.T) {
	const each = 25
	c := startCentral(t)
	path := filepath.Join(c.work, "videos.txt")
	if err := os.WriteFile(path, []byte("# ours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	want := make(map[int]string)
	for admin := range 2 {
		wg.Go(func() {
			client := api.NewClient(c.administrators(), nil)
			defer client.Close()
			for n := range each {
				name := fmt.Sprintf("administrator %d, title %d", admin, n)
				change, err := client.AddTitle(t.Context(), control.AddTitle{Name: name, Location: "a.wav", Duration: 1000})
				if err != nil {
					t.Error(err)
					return
				}
				if n%5 == 4 { // and takes it back
					if _, err := client.RemoveTitle(t.Context(), control.RemoveTitle{Number: change.Title.Number}); err != nil {
						t.Error(err)
					}
					continue
				}
				mu.Lock()
				if want[change.Title.Number] != "" {
					t.Errorf("the number %d was given twice", change.Title.Number)
				}
				want[change.Title.Number] = name
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		for n := range each {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := fmt.Fprintf(f, "%d ^ edited %d ^ 1 a.wav\n", 1_000_000-n, n); err != nil {
				t.Error(err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			mu.Lock()
			want[1_000_000-n] = fmt.Sprintf("edited %d", n)
			mu.Unlock()
		}
	})
	wg.Wait()
	got := c.titles(t)
	for n, name := range want {
		if got[n] != name {
			t.Errorf("title %d is %q, want %q", n, got[n], name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d titles, want %d", len(got), len(want))
	}
}

// Whenever the server is killed among 200 additions, the file is whole, and
// every title of which somebody heard is there.
func TestKilledWhileAdding(t *testing.T) {
	const all = 200
	c := startCentral(t)
	kills := rand.New(rand.NewPCG(3, 5))
	heard := make(map[int]string)
	for len(heard) < all {
		deadly := 10 + kills.IntN(40)
		var wg sync.WaitGroup
		var mu sync.Mutex
		for admin := range 3 {
			wg.Go(func() {
				client := api.NewClient(c.administrators(), nil)
				defer client.Close()
				for {
					name := fmt.Sprintf("%s %d", strings.Repeat("long ", 20)+"name", admin)
					change, err := client.AddTitle(t.Context(), control.AddTitle{Name: name, Location: "a.wav", Duration: 1000})
					if err != nil {
						return // it was killed
					}
					mu.Lock()
					heard[change.Title.Number] = name
					if deadly--; deadly == 0 {
						wg.Go(func() { c.kill() })
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		<-c.Ended()
		got := c.titles(t)
		for n, name := range heard {
			if got[n] != name {
				t.Fatalf("title %d is %q, and was answered as %q", n, got[n], name)
			}
		}
		if err := c.start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
