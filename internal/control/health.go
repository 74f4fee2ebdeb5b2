package control

// HealthQuery asks how the server does. Nobody need log in for it.
type HealthQuery struct{}

// Health says how the server does, in the words that systemctl status shows.
type Health struct {
	Status string `json:"status"`
}
