package e2e

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/api"
	"videoclub/internal/control"
	"videoclub/internal/identity"
	"videoclub/internal/reason"
)

// A server whose ports others reach starts once there is an account, and not
// before.
func TestOpenNeedsAccounts(t *testing.T) {
	t.Parallel()
	c := startCentral(t, "")
	// A long temporary directory has room for no socket: the port has the role.
	made, err := c.administrator().AddAccount(quick(t), control.AddAccount{Name: "ana", Mail: "ana@example.org", Admin: true})
	if err != nil {
		t.Fatal(err)
	}
	link, err := identity.ParseLink(made.Link)
	if err != nil || link.Server != field(c.log.await(t, 0, saying("ready ", "users=")), "users") {
		t.Fatalf("%s, %v", link.Server, err)
	}
	elsewhere := filepath.Join(t.TempDir(), "vccs.toml")
	write(t, elsewhere, "users = \":0\"\nadministrators = \"127.0.0.1:0\"\n")
	said, err := exec.CommandContext(t.Context(), "vccs", "--config", elsewhere, "--state", t.TempDir()).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != reason.ExitPermission || !strings.Contains(string(said), "accounts_needed") {
		t.Errorf("without an account: %v\n%s", err, said)
	}

	c.daemon.stop()
	write(t, c.args[1], "users = \":0\"\nadministrators = \"127.0.0.1:0\"\nvideos = \""+c.videos()+"\"\npublic = \"films.example.org:4100\"\n")
	ready := c.launch()
	port := field(ready, "users")
	users := "127.0.0.1" + port[strings.LastIndex(port, ":"):]
	_, err = api.NewClient(users, nil).Titles(quick(t))
	if reason.Of(err) != reason.LoginNeeded {
		t.Errorf("without a login: %v", err)
	}
	admin := api.NewClient(field(ready, "administrators"), nil)
	defer admin.Close()
	admin.LogIn(func(id string) (string, error) {
		if id != link.Identity {
			t.Errorf("the server is %s, the link for %s", id, link.Identity)
		}
		return link.Token.String(), nil
	})
	again, err := admin.AddAccount(quick(t), control.AddAccount{Name: "luis", Mail: "luis@example.org"})
	if err != nil || !strings.HasPrefix(again.Link, "vc://films.example.org:4100/") || again.Socket != "" {
		t.Errorf("%s, %v", again.Link, err)
	}
	for _, secret := range []string{link.Token.String(), again.Link[strings.LastIndex(again.Link, "/")+1:]} {
		if strings.Contains(c.log.text(), secret[strings.Index(secret, ".")+1:]) {
			t.Error("a token is in the log")
		}
	}
}
