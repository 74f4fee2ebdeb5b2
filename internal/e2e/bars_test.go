package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"videoclub/internal/control"
	"videoclub/internal/rate"
	"videoclub/internal/terminal"
)

// columns is how wide the terminal is that bars are watched on.
const columns = 140

// openTerminal opens a terminal: near is where a person looks, far is for a program.
func openTerminal(t *testing.T) (near, far *os.File) {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if err := unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(near.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: columns}); err != nil {
		t.Fatal(err)
	}
	if far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// barLine is a bar as it was on the screen at a time.
type barLine struct {
	text         string
	read         time.Time
	percent      int
	have, all    float64 // bytes
	rate         float64 // bytes a second, 0 where none is shown
	left, laxity time.Duration
	state        string
}

var (
	// steering is what moves the cursor, clears and colours (ECMA-48, section 5.4).
	steering = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

	running = regexp.MustCompile(`^ *(\d+) +\[[=>-]*\] +(\d+) %  (\S+ \S+) of (\S+ \S+)(?:  (\S+ \S*bit/s))?  (\S+) left  laxity (\S+)  (\w+)$`)
	over    = regexp.MustCompile(`^ *(\d+) +\[=*\] +100 %  (\S+ \S+) of (\S+ \S+)  deposited  \S+ early$`)
)

// barOf reads a line of the screen; false where it is no bar that runs.
func barOf(t *testing.T, line string, at time.Time) (id int64, b barLine, ok bool) {
	t.Helper()
	m := running.FindStringSubmatch(line)
	if m == nil {
		return 0, b, false
	}
	b = barLine{text: line, read: at, state: m[8]}
	var all []error
	number := func(to *float64, n float64, err error) {
		*to = n
		all = append(all, err)
	}
	size := func(to *float64, text string) {
		n, err := rate.ParseSize(text)
		number(to, float64(n), err)
	}
	var err error
	id, err = strconv.ParseInt(m[1], 10, 64)
	all = append(all, err)
	b.percent, err = strconv.Atoi(m[2])
	all = append(all, err)
	size(&b.have, m[3])
	size(&b.all, m[4])
	if m[5] != "" {
		n, err := rate.ParseRate(m[5])
		number(&b.rate, float64(n), err)
	}
	b.left, err = time.ParseDuration(m[6])
	all = append(all, err)
	b.laxity, err = time.ParseDuration(m[7])
	all = append(all, err)
	for _, err := range all {
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	return id, b, true
}

// A person who watches several deliveries at once sees of each how fast it is, how
// long it still takes and how much later it could be, while they run, and that these
// belong together: what is missing at that rate is the time that is left, and with that
// and the laxity it is the deadline.
func TestBarsOfSeveral(t *testing.T) {
	t.Parallel()
	const slow = "4 Mbit/s"
	hall, attic := startReception(t, ""), startReception(t, "")
	c := startCentral(t, "", link{"hall", hall, slow}, link{"attic", attic, slow})
	began := time.Now()
	ids, deadlines := []string{"watch"}, make(map[int64]time.Time)
	for i, at := range []string{"hall", "attic"} {
		source := makeTitle(t, c.dir, fmt.Sprintf("%d.bin", i), noise(uint64(50+i), int64(24+2*i)<<20))
		number := c.add(fmt.Sprint("Feature ", i), source.path, 1)
		// Within the hour, so that times are told to the second.
		d, err := c.client.Request(quick(t), control.Request{Key: at, Number: number, Reception: at, By: time.Now().Add(40 * time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		ids, deadlines[d.ID] = append(ids, strconv.FormatInt(d.ID, 10)), d.Deadline
	}
	near, far := openTerminal(t)
	cmd := exec.CommandContext(quick(t), "vcuser", append([]string{"--server", c.at}, ids...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=en_GB.UTF-8", "TERM=xterm", "XDG_STATE_HOME="+t.TempDir())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	far.Close()

	seen, ended, screen, hurried := make(map[int64][]barLine), make(map[int64]bool), "", false
	for from := bufio.NewReader(near); ; {
		line, err := from.ReadString('\n')
		at := time.Now()
		screen += line
		if line = strings.TrimSpace(steering.ReplaceAllString(line, "")); terminal.Width(line) > columns {
			t.Errorf("a line of %d columns: %q", terminal.Width(line), line)
		}
		if id, b, ok := barOf(t, line, at); ok {
			seen[id] = append(seen[id], b)
			// Enough was seen, however busy the machine is: they may end.
			if enough := len(deadlines); !hurried {
				for _, bars := range seen {
					if shares, lefts, _ := sent(bars); shares >= least && lefts >= least {
						enough--
					}
				}
				if enough == 0 {
					c.hurry(link{"hall", hall, ""}, link{"attic", attic, ""})
					hurried = true
				}
			}
		} else if m := over.FindStringSubmatch(line); m != nil && m[2] == m[3] {
			id, _ := strconv.ParseInt(m[1], 10, 64)
			ended[id] = true
		}
		if err != nil {
			break // EIO: nobody has its other end any more
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("vcuser watch: %v", err)
	}
	most, err := rate.ParseRate(slow)
	if err != nil {
		t.Fatal(err)
	}
	for id, deadline := range deadlines {
		if !ended[id] {
			t.Errorf("delivery %d is not shown to have ended", id)
		}
		lookedAt(t, id, seen[id], began, deadline, float64(most))
	}
	// They run at the same time, and are seen to.
	for id, bars := range seen {
		for other, theirs := range seen {
			if len(bars) > 0 && len(theirs) > 0 && !bars[0].read.Before(theirs[len(theirs)-1].read) {
				t.Errorf("%d begins when %d is over", id, other)
			}
		}
	}
	if t.Failed() {
		t.Logf("the screen:\n%q", screen)
	}
}

// least is of how many kinds a share and a time left have to be while a bar runs.
const least = 4

// sent says how many shares and times left a bar had while it was known how fast its
// delivery is, and the least of these rates.
func sent(bars []barLine) (shares, lefts int, slowest float64) {
	percents, times := make(map[int]bool), make(map[time.Duration]bool)
	for _, b := range bars {
		if b.state != "sending" || b.rate == 0 {
			continue
		}
		percents[b.percent], times[b.left] = true, true
		if slowest == 0 || b.rate < slowest {
			slowest = b.rate
		}
	}
	return len(percents), len(times), slowest
}

// lookedAt looks at what a bar showed while it ran, over a link of that rate.
func lookedAt(t *testing.T, id int64, bars []barLine, began, deadline time.Time, link float64) {
	t.Helper()
	for i, b := range bars {
		if i > 0 && (b.percent < bars[i-1].percent || b.have < bars[i-1].have) {
			t.Errorf("delivery %d goes back: %q after %q", id, b.text, bars[i-1].text)
		}
		// A deadline is rounded to the second, and each of both times is.
		const rounded = 2 * time.Second
		if due := b.left + b.laxity; due < deadline.Sub(b.read)-rounded || due > deadline.Sub(began)+rounded {
			t.Errorf("delivery %d: %q: by that it is due in %v, and it is between %v and %v", id, b.text, due, deadline.Sub(b.read), deadline.Sub(began))
		}
		if b.state != "sending" || b.rate == 0 {
			continue
		}
		// Sizes and rates have three digits, and the time is rounded to the second.
		want := (b.all - b.have) / b.rate
		if got := b.left.Seconds(); got < .97*want-1-.01*b.all/b.rate || got > 1.03*want+1+.01*b.all/b.rate {
			t.Errorf("delivery %d: %q: at that rate it is %.1f s", id, b.text, want)
		}
	}
	shares, lefts, slowest := sent(bars)
	t.Logf("delivery %d: looked at %d times; %d shares and %d times left, at %.1f Mbit/s or more", id, len(bars), shares, lefts, slowest*8e-6)
	if shares < least || lefts < least {
		t.Errorf("delivery %d: while it was sent, %d shares and %d times left were seen", id, shares, lefts)
	}
	if slowest > 1.1*link {
		t.Errorf("delivery %d: at %.0f bytes a second at least, over a link of %.0f", id, slowest, link)
	}
}
