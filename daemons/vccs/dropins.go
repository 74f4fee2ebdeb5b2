package main

import (
	"videoclub/internal/config"
	"videoclub/internal/dropin"
	"videoclub/internal/startup"
)

// standard is the configuration that the units name.
const standard = "/etc/vc/vccs.toml"

// units are those that listen for vccs.
const units = "'vccs*.socket'"

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
	return dropin.Central(path, c, startup.There), nil
}
