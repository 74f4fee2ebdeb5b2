package internal

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoclub/internal/config"
	"videoclub/internal/dropin"
)

// unit reads a unit file: each setting of it, and the lines of it that no
// comment stands above.
func unit(t *testing.T, name string) (settings map[string][]string, bare []string) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "units", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	settings = make(map[string][]string)
	section, explained := "", false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "":
			explained = false
		case strings.HasPrefix(line, "#"):
			explained = true
		case strings.HasPrefix(line, "["):
			section, explained = line, false
		case !ok:
			t.Errorf("%s: %q is no setting", name, line)
		default:
			settings[key] = append(settings[key], value)
			if section == "[Service]" && !explained {
				bare = append(bare, line)
			}
		}
	}
	return settings, bare
}

// What the units have by default is what the daemons go by without a setting.
func TestUnitsAgree(t *testing.T) {
	for name, want := range map[string]string{
		"vccs-user.socket":     config.DefaultCentral().Users,
		"vccs-admin.socket":    config.DefaultCentral().Administrators,
		"vcvrs.socket":         config.DefaultReception().Listen,
		"vccs-console.socket":  config.DefaultCentral().Console.Address,
		"vcvrs-console.socket": config.DefaultReception().Console.Address,
	} {
		settings, _ := unit(t, name)
		if got := settings["ListenStream"]; len(got) != 1 || got[0] != want {
			t.Errorf("%s listens at %v, the default is %s", name, got, want)
		}
	}
}

// What the services may use is what is worked out of the default settings.
func TestUnitsHaveRoom(t *testing.T) {
	for name, want := range map[string]string{
		"vccs.service":  dropin.CentralBounds(config.DefaultCentral()),
		"vcvrs.service": dropin.ReceptionBounds(config.DefaultReception()),
	} {
		settings, _ := unit(t, name)
		for line := range strings.Lines(want) {
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if got := settings[key]; len(got) != 1 || got[0] != value {
				t.Errorf("%s: %s=%v, want %s", name, key, got, value)
			}
		}
	}
}

// Every line of a service that confines it has its reason, and those that were
// thought of are there.
func TestUnitsConfine(t *testing.T) {
	for _, name := range []string{"vccs.service", "vcvrs.service"} {
		settings, bare := unit(t, name)
		for _, line := range bare {
			switch key, _, _ := strings.Cut(line, "="); key {
			case "Type", "NotifyAccess", "ExecStart", "User", "Group": // these say it themselves
			default:
				t.Errorf("%s: nothing says why %s", name, line)
			}
		}
		for key, want := range map[string]string{
			"CapabilityBoundingSet": "", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "PrivateUsers": "yes", "MemoryDenyWriteExecute": "yes",
			"RestrictNamespaces": "yes", "PrivateDevices": "yes", "LimitCORE": "0", "Type": "notify",
		} {
			if got := settings[key]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s=%v, want %q", name, key, got, want)
			}
		}
		if filter := strings.Join(settings["SystemCallFilter"], " "); !strings.Contains(filter, "landlock_restrict_self") || !strings.Contains(filter, "seccomp") {
			t.Errorf("%s: its workers cannot confine themselves: %s", name, filter)
		}
	}
}
