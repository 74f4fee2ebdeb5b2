package titles

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoclub/internal/catalogue"
)

// victimOf, in the environment, has the test binary add titles to the file that
// it names until it is killed.
const victimOf = "VIDEOCLUB_TITLES_VICTIM"

func TestMain(m *testing.M) {
	if path := os.Getenv(victimOf); path != "" {
		addUntilKilled(path)
		return
	}
	os.Exit(m.Run())
}

// addUntilKilled says each number once the title is there.
func addUntilKilled(path string) {
	f := Open(path, time.Now, slog.New(slog.DiscardHandler))
	for {
		added, err := f.Add(title(strings.Repeat("long ", 30) + "name"))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		fmt.Println(added.Number)
	}
}

// Whenever a server is killed, the file is whole and has every title of which
// somebody heard that it was added, and the next server goes on with it.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "videos.txt")
	write(t, path, "# a comment\n")
	moments := rand.New(rand.NewPCG(2, 6))
	last := 0
	for range 12 {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
		cmd.Env, cmd.Stderr = append(os.Environ(), victimOf+"="+path), os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for n, at := 0, 1+moments.IntN(20); ; n++ {
			if n == at {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			line, err := lines.ReadString('\n')
			if err == io.EOF {
				break
			}
			if _, err := fmt.Sscan(line, &last); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("it ended by itself")
		}
		c, problems, err := catalogue.Parse([]byte(content(t, path)))
		if err != nil || len(problems) > 0 || !strings.HasPrefix(content(t, path), "# a comment\n") {
			t.Fatalf("%v, %v in\n%s", problems, err, content(t, path))
		}
		if n := len(c.Titles()); n != last && n != last+1 {
			t.Fatalf("%d titles, heard of %d", n, last)
		}
	}
}
