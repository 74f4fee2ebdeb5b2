//go:build root

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"videoclub/internal/lab"
)

// The domain of which the mail servers of the tests take mail, the numbers of
// the users who are in their trees, and what club authenticates itself with.
const (
	mailDomain   = "elo.utfsm.cl"
	anaID        = 7001
	opensmtpdID  = 7002
	opensmtpqID  = 7003
	postfixID    = 7004
	postdropID   = 7005
	postgreyID   = 7006
	clubPassword = "clave de club"
)

// packages gives the files of the mail servers' packages. The two servers
// conflict, as each wants to be the one of its machine.
var packages = sync.OnceValues(func() (all struct{ opensmtpd, postfix []string }, err error) {
	if err := tools(); err != nil {
		return all, err
	}
	// withPrograms removes the directory that it has put first in PATH.
	dir, _, _ := strings.Cut(os.Getenv("PATH"), string(os.PathListSeparator))
	if all.opensmtpd, err = lab.Fetch(context.Background(), filepath.Join(dir, "opensmtpd"), "opensmtpd"); err != nil {
		return all, err
	}
	all.postfix, err = lab.Fetch(context.Background(), filepath.Join(dir, "postfix"), "postfix", "postgrey", "sasl2-bin", "libsasl2-modules")
	return all, err
})

// mailHost is a real mail server in a tree of its own on a site.
type mailHost struct {
	*lab.Tree
	t       *testing.T
	log     *log
	program []string // that starts it
	ready   string   // what it says when it is
	kept    string   // what it says when a mail is in its mailbox
	cmd     *exec.Cmd
	eof     chan struct{}
	seen    map[string]bool // Received fields of mail that was looked at
}

func newMailHost(t *testing.T, s *site, packages []string, users map[string]int) *mailHost {
	t.Helper()
	tree, err := s.Tree(packages...)
	if err != nil {
		t.Fatal(err)
	}
	m := &mailHost{Tree: tree, t: t, log: newLog(), seen: map[string]bool{}}
	t.Cleanup(func() {
		m.stop()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("what the mail server on %s said:\n%s", s.Name, m.log.text())
		}
	})
	users["ana"] = anaID
	for name, id := range users {
		if err := m.User(name, id); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// write writes a file in the tree.
func (m *mailHost) write(path, text string) {
	m.t.Helper()
	if err := m.Write(path, text, 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mailHost) run(stdin, program string, args ...string) string {
	m.t.Helper()
	out, err := m.Run(stdin, program, args...)
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// certify makes a certificate of the site for the server, and gives the file
// by which a central server there trusts it.
func (m *mailHost) certify(s *site) (ca string) {
	m.t.Helper()
	certificate, key := s.path("mail.crt"), s.path("mail.key")
	s.ok("", "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
		"-subj", "/CN="+s.Name, "-addext", "subjectAltName=DNS:"+s.Name, "-keyout", key, "-out", certificate)
	for from, to := range map[string]string{certificate: "/etc/club/mail.crt", key: "/etc/club/mail.key"} {
		text, err := os.ReadFile(from)
		if err != nil {
			m.t.Fatal(err)
		}
		if err := m.Write(to, string(text), 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	return certificate
}

// start starts the server and waits until it is ready.
func (m *mailHost) start() {
	m.t.Helper()
	from := m.log.mark()
	r, w, err := os.Pipe()
	if err != nil {
		m.t.Fatal(err)
	}
	defer w.Close()
	m.cmd = exec.Command(m.program[0], m.program[1:]...)
	m.cmd.Stdout, m.cmd.Stderr = w, w
	if err := m.Start(m.cmd); err != nil {
		r.Close()
		m.t.Fatal(err)
	}
	eof := make(chan struct{})
	m.eof = eof
	go func() {
		defer close(eof)
		defer r.Close()
		for lines := bufio.NewScanner(r); lines.Scan(); {
			m.log.add(lines.Text())
		}
	}()
	m.log.await(m.t, from, saying(m.ready))
}

// stop ends the server in order, and all that it started with it.
func (m *mailHost) stop() {
	if m.cmd == nil {
		return
	}
	m.cmd.Process.Signal(syscall.SIGTERM)
	m.cmd.Wait()
	m.cmd = nil
	<-m.eof
}

// mail waits until the server has put a mail into the mailbox of ana that was not
// looked at, and gives it as it is stored.
func (m *mailHost) mail() string {
	m.t.Helper()
	for from := 0; ; {
		text, found := m.unseen()
		if found {
			return text
		}
		from = m.log.next(m.t, from, saying(m.kept))
	}
}

// unseen gives a mail that was not looked at, if there is one. What the server
// itself has put into the mailbox twice, because it was stopped, is one mail.
func (m *mailHost) unseen() (text string, found bool) {
	m.t.Helper()
	err := m.Do(func() error {
		files, err := filepath.Glob("/home/ana/Maildir/new/*")
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if way := received(m.t, string(content)); !m.seen[way] {
				m.seen[way] = true
				text, found = string(content), true
				return nil
			}
		}
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return text, found
}

// received gives how a server has got a mail, with the number it has there.
func received(t *testing.T, stored string) string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(stored))
	if err != nil || len(m.Header["Received"]) != 1 {
		t.Errorf("%v, or not passed on once:\n%s", err, stored)
		return ""
	}
	return m.Header["Received"][0]
}

// newOpenSMTPD makes an OpenSMTPD at 25 (STARTTLS is offered), 26 (it is not),
// 465 (TLS from the first byte) and 587 (STARTTLS is demanded); the last two
// want a password. It takes mail of the domain for its users.
func newOpenSMTPD(t *testing.T, s *site) (m *mailHost, ca string) {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	m = newMailHost(t, s, all.opensmtpd, map[string]int{"opensmtpd": opensmtpdID, "opensmtpq": opensmtpqID})
	ca = m.certify(s)
	m.write("/var/lib/opensmtpd/empty/.keep", "")
	m.write("/etc/club/passwords", "club "+m.run(clubPassword+"\n", "/usr/bin/openssl", "passwd", "-6", "-stdin"))
	m.write("/etc/club/smtpd.conf", fmt.Sprintf(`
pki %[1]s cert "/etc/club/mail.crt"
pki %[1]s key "/etc/club/mail.key"
table passwords file:/etc/club/passwords
listen on 0.0.0.0 port 25 tls pki %[1]s
listen on 0.0.0.0 port 26
listen on 0.0.0.0 port 465 smtps pki %[1]s auth <passwords>
listen on 0.0.0.0 port 587 tls-require pki %[1]s auth <passwords>
action keep maildir
match from any for domain %[2]q action keep
`, s.Name, mailDomain))
	m.program, m.ready = []string{"/usr/sbin/smtpd", "-d", "-f", "/etc/club/smtpd.conf"}, "starting"
	m.kept = "stat=Delivered"
	return m, ca
}

// newPostfix makes a Postfix at 25 that greylists by postgrey for that many
// seconds, and at 465 (TLS from the first byte, AUTH LOGIN alone) and 587
// (STARTTLS is demanded, AUTH PLAIN too), where it wants a password and does not
// greylist. It takes mail of the domain for its users.
func newPostfix(t *testing.T, s *site, greylist int) (m *mailHost, ca string) {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	m = newMailHost(t, s, all.postfix, map[string]int{"postfix": postfixID, "postdrop": postdropID, "postgrey": postgreyID})
	ca = m.certify(s)
	m.write("/etc/postfix/main.cf", fmt.Sprintf(`
compatibility_level = 3.6
myhostname = %[1]s
mydestination = %[2]s
mynetworks = 127.0.0.0/8
daemon_directory = /usr/lib/postfix/sbin
data_directory = /var/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
alias_maps =
alias_database =
home_mailbox = Maildir/
smtpd_tls_security_level = may
smtpd_tls_cert_file = /etc/club/mail.crt
smtpd_tls_key_file = /etc/club/mail.key
smtpd_tls_received_header = yes
smtpd_sasl_local_domain = %[1]s
smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service inet:127.0.0.1:10023
`, s.Name, mailDomain))
	m.write("/etc/postfix/master.cf", postfixServices)
	for name, ways := range map[string]string{"smtpd": "PLAIN LOGIN", "login": "LOGIN"} {
		m.write("/etc/postfix/sasl/"+name+".conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: "+ways+"\n")
	}
	m.run(clubPassword, "/usr/sbin/saslpasswd2", "-p", "-c", "-u", s.Name, "club")
	m.run("", "/bin/sh", "-ec", `chown postfix /etc/sasldb2; mkdir -p /var/lib/postfix /var/lib/postgrey /var/spool/postfix
		chown postfix /var/lib/postfix; chown postgrey: /var/lib/postgrey`)
	m.write("/etc/club/start", fmt.Sprintf(postfixStart, greylist))
	m.program, m.ready = []string{"/bin/bash", "/etc/club/start"}, "daemon started"
	m.kept = "delivered to maildir"
	return m, ca
}

// postfixStart starts postgrey, whose database does not survive a kill, and
// Postfix, and ends both in order.
const postfixStart = `
/usr/sbin/postgrey --inet=127.0.0.1:10023 --delay=%d --dbdir=/var/lib/postgrey --user=postgrey --group=postgrey &
postgrey=$!
until (: </dev/tcp/127.0.0.1/10023) 2>/dev/null; do sleep 0.1; done
/usr/sbin/postfix start-fg &
trap '/usr/sbin/postfix stop; kill $postgrey' TERM
wait; wait; wait
`

// postfixServices is master.cf(5): what Postfix needs to take and keep mail.
const postfixServices = `
smtp        inet  n  -  n  -  -  smtpd
submissions inet  n  -  n  -  -  smtpd
  -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes -o smtpd_sasl_path=login
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
submission  inet  n  -  n  -  -  smtpd
  -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
pickup    unix  n  -  n  60    1  pickup
cleanup   unix  n  -  n  -     0  cleanup
qmgr      unix  n  -  n  300   1  qmgr
tlsmgr    unix  -  -  n  1000? 1  tlsmgr
rewrite   unix  -  -  n  -     -  trivial-rewrite
bounce    unix  -  -  n  -     0  bounce
defer     unix  -  -  n  -     0  bounce
trace     unix  -  -  n  -     0  bounce
proxymap  unix  -  -  n  -     -  proxymap
error     unix  -  -  n  -     -  error
retry     unix  -  -  n  -     -  error
local     unix  -  n  n  -     -  local
anvil     unix  -  -  n  -     1  anvil
postlog   unix-dgram n - n -   1  postlogd
`
