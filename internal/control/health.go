package control

// HealthQuery asks how the server does. Nobody need log in for it.
type HealthQuery struct{}

// Health says whether the server does its work, and in words what it is doing, as
// systemctl status shows it, or what is wrong.
type Health struct {
	Well   bool   `json:"well"`
	Status string `json:"status"`
}
