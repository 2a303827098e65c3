package userpool

// Directory holds the user pools of a deployment.
type Directory struct{}
