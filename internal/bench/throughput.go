package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// throughput delivers size bytes that do not compress and copies them with scp
// and rsync, in turn, from and to the same directories; synced says that all
// have to be on disk when the clock stops, as a deposit always is.
func (b *bench) throughput(ctx context.Context, in string, size int64, synced bool) error {
	dir, remove, err := scratch(in)
	if err != nil {
		return err
	}
	defer remove()
	source := filepath.Join(dir, "film.bin")
	if err := noise(source, size); err != nil {
		return err
	}
	club, err := b.newClub(ctx, dir, "", "", source)
	if err != nil {
		return err
	}
	defer club.stop()
	ssh, err := newSSH(ctx, dir)
	if err != nil {
		return err
	}
	defer ssh.stop()

	var first, ours, scp, rsync []time.Duration
	for range b.runs {
		// Another version of the file, so that its digest has to be computed
		// while it is sent; and then once more, when it is known, as it is of
		// a title that was added with vcadmin or delivered before.
		now := time.Now()
		if err := os.Chtimes(source, now, now); err != nil {
			return err
		}
		for _, took := range []*[]time.Duration{&first, &ours} {
			if err := warm(dir, size); err != nil {
				return err
			}
			t, d, err := club.deliver(ctx, 1)
			if err != nil {
				return err
			}
			if d.Sent != size {
				return fmt.Errorf("%d bytes were sent of %d", d.Sent, size)
			}
			*took = append(*took, t)
			if err := empty(club.store); err != nil {
				return err
			}
		}
		for _, peer := range []struct {
			took *[]time.Duration
			args []string
		}{{&scp, ssh.scp(source, filepath.Join(dir, "copy"))}, {&rsync, ssh.rsync(source, filepath.Join(dir, "copy"))}} {
			if err := warm(dir, size); err != nil {
				return err
			}
			begun := time.Now()
			if out, err := exec.CommandContext(ctx, peer.args[0], peer.args[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", peer.args[0], err, out)
			}
			if synced {
				if err := toDisk(filepath.Join(dir, "copy")); err != nil {
					return err
				}
			}
			*peer.took = append(*peer.took, time.Since(begun))
			os.Remove(filepath.Join(dir, "copy"))
		}
	}
	where := "in memory"
	if synced {
		where = "to disk, synced"
	}
	fmt.Printf("%d MiB that do not compress, %s, both ends here, median of %d:\n", size/miB, where, b.runs)
	s, r := median(slices.Clone(scp)), median(slices.Clone(rsync))
	for _, us := range []struct {
		name string
		took []time.Duration
	}{{"Video Club, digest computed on the way", first}, {"Video Club, digest known", ours}} {
		a := median(slices.Clone(us.took))
		fmt.Printf("  %s: %.0f MB/s, %.2f times scp, %.2f times rsync %v\n", us.name, perSecond(size, a), s.Seconds()/a.Seconds(), r.Seconds()/a.Seconds(), rounded(us.took))
	}
	fmt.Printf("  scp: %.0f MB/s %v\n  rsync: %.0f MB/s %v\n", perSecond(size, s), rounded(scp), perSecond(size, r), rounded(rsync))
	return nil
}

// warm touches twice as much memory as a copy of size bytes is about to take. Under a hypervisor
// that takes free memory back, the first touch of a page costs more than
// everything that is measured here; each of the peers gets it at the same price.
func warm(dir string, size int64) error {
	path := filepath.Join(dir, "warm")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, zeros{}, 2*size)
	return errors.Join(err, f.Close(), os.Remove(path))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// noise writes size bytes that do not compress.
func noise(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1}), size)
	return errors.Join(err, f.Sync(), f.Close())
}

// empty removes what was deposited, and leaves the store's own folder.
func empty(store string) error {
	entries, err := os.ReadDir(store)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != ".vc" {
			if err := os.RemoveAll(filepath.Join(store, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func toDisk(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// ssh is an ssh server on loopback with a key of its own.
type ssh struct {
	port   string
	config string
	cmd    *exec.Cmd
}

// newSSH starts sshd, of Debian's openssh-server, as the user who runs this.
func newSSH(ctx context.Context, dir string) (*ssh, error) {
	sshd, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		return nil, fmt.Errorf("the peers need openssh-server and rsync: %w", err)
	}
	for _, key := range []string{"host", "user"} {
		if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	s := &ssh{config: filepath.Join(dir, "ssh_config")}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	server := fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nPidFile none\nUsePAM no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n",
		s.port, filepath.Join(dir, "host"), filepath.Join(dir, "user.pub"))
	client := fmt.Sprintf("Host there\n HostName 127.0.0.1\n Port %s\n User %s\n IdentityFile %s\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n Ciphers aes128-gcm@openssh.com\n Compression no\n",
		s.port, me.Username, filepath.Join(dir, "user"))
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "sshd_config"), []byte(server), 0o600), os.WriteFile(s.config, []byte(client), 0o600), os.MkdirAll("/run/sshd", 0o755)); err != nil {
		return nil, err
	}
	s.cmd = exec.CommandContext(ctx, sshd, "-D", "-e", "-f", filepath.Join(dir, "sshd_config"))
	var log bytes.Buffer
	s.cmd.Stderr = &log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		if exec.CommandContext(ctx, "ssh", "-F", s.config, "there", "true").Run() == nil {
			return s, nil
		}
	}
	s.stop()
	return nil, fmt.Errorf("sshd does not answer: %s", log.String())
}

func (s *ssh) stop() {
	s.cmd.Process.Signal(unix.SIGTERM)
	s.cmd.Wait()
}

func (s *ssh) scp(from, to string) []string {
	return []string{"scp", "-q", "-F", s.config, from, "there:" + to}
}

func (s *ssh) rsync(from, to string) []string {
	return []string{"rsync", "--whole-file", "--recursive", "-e", "ssh -F " + s.config, from, "there:" + to}
}
