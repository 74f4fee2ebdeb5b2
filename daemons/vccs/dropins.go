package main

import (
	"os"

	"videoclub/internal/config"
	"videoclub/internal/dropin"
	"videoclub/internal/startup"
)

// standard is the configuration that the units name.
const standard = "/etc/vc/vccs.toml"

// dropins are what the configuration at path asks of the units.
func dropins(path string) ([]dropin.Dropin, error) {
	text, err := startup.ReadConfig(&path, "")
	if err != nil {
		return nil, err
	}
	c, err := config.ParseCentral(path, text)
	if err != nil {
		return nil, err
	}
	// One that is not there would keep systemd from starting vccs, which says
	// better what it misses.
	_, err = os.Stat(c.Mail.PasswordFile)
	return dropin.Central(path, c, err == nil), nil
}
