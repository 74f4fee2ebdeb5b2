package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// browserModules are what drives the browser, and what looks at pages as people
// with a screen reader would.
var browserModules = []string{"playwright-core@1.65.1", "axe-core@4.14.1"}

// Browser makes sure that Debian's Chromium and Node are here, and gives the
// directory of Node's modules, which are fetched at the first use and kept.
func Browser(ctx context.Context) (modules string, err error) {
	if err := Need(ctx, map[string]string{"chromium": "chromium", "node": "nodejs", "npm": "npm"}); err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "browser")
	lock, err := alone(dir)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	have := filepath.Join(dir, "have")
	if text, err := os.ReadFile(have); err == nil && string(text) == strings.Join(browserModules, "\n") {
		return filepath.Join(dir, "node_modules"), nil
	}
	cmd := exec.CommandContext(ctx, "npm", append([]string{"install", "--no-audit", "--no-fund", "--prefix", dir}, browserModules...)...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install: %w:\n%s", err, said)
	}
	return filepath.Join(dir, "node_modules"), os.WriteFile(have, []byte(strings.Join(browserModules, "\n")), 0o644)
}
