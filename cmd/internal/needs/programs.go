package needs

import (
	"os/exec"
	"testing"
)

// Boto3 returns the path of a Python that has boto3: Debian's own, which most
// machines have, else whichever comes first.
func Boto3(t testing.TB) (python string) {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if exec.CommandContext(t.Context(), path, "-c", "import boto3").Run() == nil {
			return path
		}
	}
	missing(t, "Python with boto3", "apt-get install python3-boto3")
	return ""
}

// Chromium returns the path of a Chromium that starts.
func Chromium(t testing.TB) (path string) {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if exec.CommandContext(t.Context(), path, "--version").Run() == nil {
			return path
		}
	}
	missing(t, "Chromium", "apt-get install chromium")
	return ""
}

// Commands ends the test unless the machine has programs of these names, which
// are those of their Debian packages too.
func Commands(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, name, "apt-get install "+name)
		}
	}
}

// Nginx returns the path of nginx, which Debian puts where only root looks.
func Nginx(t testing.TB) (path string) {
	t.Helper()
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "nginx", "apt-get install nginx-light")
	return ""
}

// AWSCLI returns the path of the AWS CLI. A machine without one, be it CI's,
// skips the test: other clients go the same way.
func AWSCLI(t testing.TB) (path string) {
	t.Helper()
	path, err := exec.LookPath("aws")
	if err == nil && exec.CommandContext(t.Context(), path, "--version").Run() == nil {
		return path
	}
	t.Skip("needs the AWS CLI: apt-get install awscli")
	return ""
}
