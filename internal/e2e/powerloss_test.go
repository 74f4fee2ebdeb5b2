//go:build root

package e2e

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/lab"
)

// A reception on a machine of its own loses its power at random moments, and
// with it what its disk had not flushed: what was acknowledged is there again,
// what is published is whole, and every delivery ends deposited. VC_POWER says
// how many times, VC_SEED when.
func TestPowerLoss(t *testing.T) {
	seed, times := setting(t, "VC_SEED", 1), int(setting(t, "VC_POWER", 20))
	t.Logf("VC_SEED=%d VC_POWER=%d", seed, times)
	chance := rand.New(rand.NewPCG(seed, 7))
	dir := t.TempDir()
	m := newMachine(t, dir)

	r := &reception{daemon: &daemon{t: t, name: "vcvrs", log: newLog()}, proxy: newProxy(t)}
	r.proxy.setTarget("127.0.0.1:" + m.port)
	c := startCentral(t, `uplink = "20 Mbit/s"`+"\n", link{"cinema.test", r, ""})
	titles := make(map[int64]title)
	for i := range 4 {
		var source title
		if i == 2 {
			source = makeTitle(t, c.dir, "film.bin", noise(9, 12<<20))
		} else {
			source = powerFolder(t, c.dir, i)
		}
		titles[c.ask(c.add(fmt.Sprint("Feature ", i), source.path, 1), "cinema.test").ID] = source
	}
	for n := range times {
		if all, err := c.client.Deliveries(quick(t), len(titles)); err != nil {
			t.Fatal(err)
		} else if !slices.ContainsFunc(all, func(d control.Delivery) bool { return d.State != "deposited" }) {
			break // a fast machine needs no more of them
		}
		m.boot(t)
		// It comes back at once, and not after the pause that it has come to.
		c.kill()
		c.start()
		if n%4 != 3 { // else it may go in a handshake, or while the store is recovered
			m.guest.said.await(t, 0, func(line string) bool {
				return strings.Contains(line, " receiving ") || strings.Contains(line, " resuming, ") || strings.Contains(line, " already here, ")
			})
		}
		<-time.After(time.Duration(chance.Int64N(int64(4 * time.Second))))
		if n/2%2 == 0 { // with what it has written and waits for; a flush follows unless all has come
			select {
			case <-m.disk.nextFlush():
			case <-time.After(10 * time.Second):
			}
		}
		if err := m.disk.powerLoss(chance, n%2 == 0); err != nil {
			t.Fatal(err)
		}
		m.guest.kill()
	}
	m.boot(t)
	c.kill()
	c.start()
	resumes := 0
	for id := range titles {
		resumes += c.deposited(id).Resumes
	}
	// Deposited is on disk, whatever happens now.
	if err := m.disk.powerLoss(chance, true); err != nil {
		t.Fatal(err)
	}
	m.guest.kill()
	t.Logf("%d resumes, %d writes lost", resumes, m.disk.lost)
	if resumes == 0 || m.disk.lost == 0 {
		t.Error("nothing was lost or resumed: this proves nothing")
	}
	for _, line := range c.log.all(0) {
		if strings.Contains(line, "has lost") || strings.Contains(line, "failed for good") || strings.Contains(line, "new keys") {
			t.Errorf("vccs said: %s", line)
		}
	}
	r.store = m.store(t)
	for id, source := range titles {
		d := c.deposited(id)
		r.proven(d, source)
	}
	if parts := r.parts(); len(parts) > 0 || len(r.files()) != 3*3+1+2 { // and lost+found and .state
		t.Errorf("the store has %q and the parts %q", r.files(), parts)
	}
}

// powerFolder makes a folder of some large and many small files.
func powerFolder(t *testing.T, dir string, n int) title {
	t.Helper()
	content := map[string]io.Reader{"a/empty": noise(0, 0), "void/": nil, "large": noise(uint64(n), 5<<20), "z/large": noise(uint64(n), 3<<20)}
	for i := range 300 {
		content[fmt.Sprintf("reel%d/%03d.dpx", i%5, i)] = noise(uint64(1000*n+i), int64(100*(i%300)+1))
	}
	made := makeFolder(t, dir, fmt.Sprint("folder ", n), content)
	// debugfs(8) keeps whole seconds alone.
	whole := time.Unix(1_600_000_000, 0)
	for path := range content {
		if err := os.Chtimes(filepath.Join(made.path, path), whole, whole); err != nil {
			t.Fatal(err)
		}
	}
	return made
}

// machine is a guest over all its boots, with its disk.
type machine struct {
	image, files, raw, socket, port string
	disk                            *flakyDisk
	guest                           *guest
}

func newMachine(t *testing.T, dir string) *machine {
	t.Helper()
	m := &machine{files: filepath.Join(dir, "files"), raw: filepath.Join(dir, "disk"), socket: filepath.Join(dir, "nbd")}
	kernel, err := lab.NewKernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.image = kernel.Image
	modules, err := kernel.Drivers(guestDrivers...)
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	vcvrs, err := exec.LookPath("vcvrs")
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.Create(m.files)
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]string{"init": own, "vcvrs": vcvrs}
	if err := errors.Join(lab.Files(files, programs, []string{strings.TrimPrefix(guestStore, "/")}, modules), files.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, m.raw, "")
	if err := os.Truncate(m.raw, 4<<30); err != nil {
		t.Fatal(err)
	}
	shell(t, dir, "mkfs.ext4", "-q", "-F", m.raw)
	if m.disk, err = newFlakyDisk(m.raw, m.socket); err != nil {
		t.Fatal(err)
	}
	// qemu cannot be told to take any port that is free.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, m.port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	t.Cleanup(func() {
		if m.guest != nil {
			m.guest.kill()
			if t.Failed() {
				t.Logf("what the guest said last:\n%s", m.guest.said.text())
			}
		}
		m.disk.close()
	})
	return m
}

// boot starts the guest and waits until its reception is ready.
func (m *machine) boot(t *testing.T) {
	t.Helper()
	m.disk.powerOn()
	m.guest = boot(t, m.image, m.files, m.socket, m.port)
	m.guest.said.await(t, 0, func(line string) bool { return strings.Contains(line, "ready ") && field(line, "identity") != "" })
}

// store gives what is on the disk, as the next one to mount it would see it.
func (m *machine) store(t *testing.T) string {
	t.Helper()
	// The journal is played back; 1 says that something was mended, as it should.
	check := exec.CommandContext(t.Context(), "e2fsck", "-f", "-p", m.raw)
	if out, err := check.CombinedOutput(); err != nil && check.ProcessState.ExitCode() != 1 {
		t.Errorf("e2fsck: %v\n%s", err, out)
	}
	to := t.TempDir()
	shell(t, to, "debugfs", "-R", "rdump / "+to, m.raw)
	return to
}
