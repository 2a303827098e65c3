package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const deployDir = "../../docs/deploy"

// parsed reads a command line, without running it.
func parsed(t *testing.T, args []string) (*commandLine, string) {
	t.Helper()
	line := &commandLine{}
	p := &process{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, now: time.Now, terminal: func(any) bool { return false }, getenv: os.Getenv}
	parser, err := line.parser(p, func(int) { t.Error("it asks for help") })
	require.NoError(t, err)
	command, err := parser.Parse(args)
	require.NoError(t, err, "rowan %s", strings.Join(args, " "))
	return line, command.Selected().Name
}

// manifest is the part of an object of Kubernetes that the tests read.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Selector    yaml.Node // of a Service the labels themselves
		PodSelector selector  `yaml:"podSelector"`
		Ports       []struct {
			TargetPort string `yaml:"targetPort"`
		}
		Ingress []struct {
			Ports []struct{ Port string }
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
	}
}

type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

type pod struct {
	SecurityContext struct {
		RunAsNonRoot bool `yaml:"runAsNonRoot"`
		RunAsUser    int  `yaml:"runAsUser"`
		FSGroup      int  `yaml:"fsGroup"`
	} `yaml:"securityContext"`
	AutomountServiceAccountToken *bool       `yaml:"automountServiceAccountToken"`
	Init                         []container `yaml:"initContainers"`
	Containers                   []container
	Volumes                      []volume
}

type volume struct {
	Name      string
	ConfigMap struct{ Items []item } `yaml:"configMap"`
	Secret    struct {
		DefaultMode int `yaml:"defaultMode"`
		Items       []item
	}
}

type item struct{ Key, Path string }

type container struct {
	Image string
	Args  []string
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	Startup         probe `yaml:"startupProbe"`
	Liveness        probe `yaml:"livenessProbe"`
	Readiness       probe `yaml:"readinessProbe"`
	SecurityContext struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop []string }
	} `yaml:"securityContext"`
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct{ Path, Port, Scheme string } `yaml:"httpGet"`
	Exec    struct{ Command []string }
}

func readManifests(t *testing.T, name string) (all []manifest) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployDir, "kubernetes", name))
	require.NoError(t, err)
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var m manifest
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, m)
	}
}

// TestManifests holds the manifests to the command line, the container and each
// other. That Kubernetes knows their members is checked by internal/tools/manifests.
func TestManifests(t *testing.T) {
	for file, replicas := range map[string]string{"rowan.yaml": "containers", "sidecar.yaml": "init containers"} {
		t.Run(file, func(t *testing.T) {
			found := 0
			for _, m := range readManifests(t, file) {
				if m.Kind != "Deployment" {
					continue
				}
				p := &m.Spec.Template.Spec
				requirePod(t, p)
				of := p.Containers
				if replicas == "init containers" {
					of = p.Init
				}
				for i := range of {
					requireContainer(t, p, &of[i])
					found++
				}
			}
			require.Equal(t, 1, found, "a rowan")
		})
	}
}

func requirePod(t *testing.T, p *pod) {
	t.Helper()
	dockerfile, err := os.ReadFile("../../Dockerfile")
	require.NoError(t, err)
	user := regexp.MustCompile(`(?m)^USER (\d+):\d+$`).FindSubmatch(dockerfile)
	require.NotNil(t, user)
	uid, err := strconv.Atoi(string(user[1]))
	require.NoError(t, err)
	require.Equal(t, uid, p.SecurityContext.RunAsUser, "the user of the Dockerfile")
	require.Equal(t, uid, p.SecurityContext.FSGroup)
	require.True(t, p.SecurityContext.RunAsNonRoot)
	require.NotNil(t, p.AutomountServiceAccountToken)
	require.False(t, *p.AutomountServiceAccountToken)
	for _, v := range p.Volumes {
		require.Zero(t, v.Secret.DefaultMode&0o007, "volume %s: everybody may read it", v.Name)
	}
	for _, c := range append(p.Containers, p.Init...) {
		s := c.SecurityContext
		require.NotNil(t, s.AllowPrivilegeEscalation)
		require.False(t, *s.AllowPrivilegeEscalation)
		require.True(t, s.ReadOnlyRootFilesystem)
		require.Equal(t, []string{"ALL"}, s.Capabilities.Drop)
	}
}

// requireContainer holds a rowan to what it is started with.
func requireContainer(t *testing.T, p *pod, c *container) {
	t.Helper()
	line, command := parsed(t, c.Args)
	require.Equal(t, "serve", command)
	s := &line.Serve
	open := map[string]string{} // by the name of the port
	for _, x := range c.Ports {
		open[x.Name] = strconv.Itoa(x.ContainerPort)
	}
	for name, address := range map[string]string{"https": s.Listen, "grpc": s.Authorize.GRPCListen, "metrics": s.Admin.Metrics} {
		host, port, err := net.SplitHostPort(address)
		if err == nil && host == "0.0.0.0" {
			require.Equal(t, port, open[name], "the port of %s", address)
			delete(open, name)
		}
	}
	require.Empty(t, open, "ports on which nothing listens")
	requirePaths(t, p, c)
	for _, x := range []probe{c.Startup, c.Liveness, c.Readiness} {
		requireProbe(t, c, s, x)
	}
}

func requireProbe(t *testing.T, c *container, s *serveCommand, x probe) {
	t.Helper()
	if len(x.Exec.Command) > 0 {
		require.Equal(t, "/rowan", x.Exec.Command[0])
		line, command := parsed(t, x.Exec.Command[1:])
		require.Equal(t, "ready", command)
		require.Equal(t, "http://"+s.Listen, line.Ready.Address)
		return
	}
	require.Contains(t, []string{"/-/healthy", "/-/ready"}, x.HTTPGet.Path)
	require.Equal(t, s.TLSCert != "", x.HTTPGet.Scheme == "HTTPS")
	require.Equal(t, "https", x.HTTPGet.Port)
	require.Equal(t, "https", c.Ports[0].Name)
}

// requirePaths finds every file of the command line in a volume.
func requirePaths(t *testing.T, p *pod, c *container) {
	t.Helper()
	paths := regexp.MustCompile(`/(?:etc|run|var)/[^&,]+`).FindAllString(strings.Join(c.Args, ","), -1)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		mounted := false
		for _, m := range c.VolumeMounts {
			rest, within := strings.CutPrefix(path, m.MountPath)
			if !within {
				continue
			}
			mounted = true
			i := slices.IndexFunc(p.Volumes, func(v volume) bool { return v.Name == m.Name })
			require.GreaterOrEqual(t, i, 0, "volume %s", m.Name)
			if items := p.Volumes[i].Secret.Items; len(items) > 0 {
				require.True(t, slices.ContainsFunc(items, func(x item) bool { return "/"+x.Path == rest }), "%s is no item", path)
			}
		}
		require.True(t, mounted, "%s is in no volume", path)
	}
}

// TestManifestsFitTogether: what selects selects the pods, and by ports that
// these have.
func TestManifestsFitTogether(t *testing.T) {
	all := readManifests(t, "rowan.yaml")
	i := slices.IndexFunc(all, func(m manifest) bool { return m.Kind == "Deployment" })
	require.GreaterOrEqual(t, i, 0)
	labels := all[i].Spec.Template.Metadata.Labels
	require.NotEmpty(t, labels)
	names := map[string]bool{}
	for _, x := range all[i].Spec.Template.Spec.Containers[0].Ports {
		names[x.Name] = true
	}
	seen := 0
	for _, m := range all {
		var selects map[string]string
		switch m.Kind {
		case "Service":
			require.NoError(t, m.Spec.Selector.Decode(&selects))
			for _, x := range m.Spec.Ports {
				require.True(t, names[x.TargetPort], x.TargetPort)
			}
		case "Deployment", "PodDisruptionBudget":
			var s selector
			require.NoError(t, m.Spec.Selector.Decode(&s))
			selects = s.MatchLabels
		case "NetworkPolicy":
			selects = m.Spec.PodSelector.MatchLabels
			for _, rule := range m.Spec.Ingress {
				for _, x := range rule.Ports {
					require.True(t, names[x.Port], x.Port)
				}
			}
		default:
			continue
		}
		seen++
		require.Equal(t, labels, selects, m.Kind)
	}
	require.Equal(t, 4, seen)
}

// unit reads the settings of a unit of systemd, in their order.
func unit(t *testing.T, file string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	out := map[string][]string{}
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '[' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		require.True(t, ok, line)
		out[name] = append(out[name], value)
	}
	return out
}

// TestUnit holds the unit of systemd to the command line, and to its hardening.
func TestUnit(t *testing.T) {
	file := filepath.Join(deployDir, "systemd", "rowan.service")
	u := unit(t, file)
	expand := strings.NewReplacer("%d", "/run/credentials", "%S", "/var/lib", "%t", "/run", "${ROWAN_URL}", "https://auth.example.com", "$ROWAN_OPTIONS", "")
	require.Len(t, u["ExecStart"], 1)
	start := strings.Fields(expand.Replace(u["ExecStart"][0]))
	require.Equal(t, "/usr/local/bin/rowan", start[0])
	line, command := parsed(t, start[1:])
	require.Equal(t, "serve", command)
	var loaded []string
	for _, x := range u["LoadCredential"] {
		name, from, _ := strings.Cut(x, ":")
		require.Equal(t, "/etc/rowan/"+name, from)
		loaded = append(loaded, "/run/credentials/"+name)
	}
	s := &line.Serve
	require.ElementsMatch(t, []string{s.Keys, s.Secrets, s.TLSCert, s.TLSKey}, loaded)
	require.Equal(t, "/var/lib/"+u["StateDirectory"][0], s.Data)
	require.Equal(t, "unix:/run/"+u["RuntimeDirectory"][0]+"/grpc.sock", s.Authorize.GRPCListen)
	post := strings.Fields(u["ExecStartPost"][0])
	ready, command := parsed(t, post[1:])
	require.Equal(t, "ready", command)
	_, port, err := net.SplitHostPort(s.Listen)
	require.NoError(t, err)
	require.Equal(t, "https://127.0.0.1:"+port, ready.Ready.Address)
	for _, name := range []string{"DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "MemoryDenyWriteExecute"} {
		require.Equal(t, []string{"yes"}, u[name], name)
	}
	require.Equal(t, []string{"strict"}, u["ProtectSystem"])
	require.Equal(t, []string{""}, u["CapabilityBoundingSet"])
}

// TestUnitVerifies asks systemd itself, where it is.
func TestUnitVerifies(t *testing.T) {
	systemd, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze")
	}
	text, err := os.ReadFile(filepath.Join(deployDir, "systemd", "rowan.service"))
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "rowan.service")
	require.NoError(t, os.WriteFile(file, bytes.ReplaceAll(text, []byte("/usr/local/bin/rowan"), []byte(self)), 0o600))
	out, err := exec.Command(systemd, "verify", "--man=no", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
	out, err = exec.Command(systemd, "security", "--offline=true", "--threshold=20", "--no-pager", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestManifestsServe: the bundle of the ConfigMap, laid out as the kubelet does,
// is one that can be served.
func TestManifestsServe(t *testing.T) {
	all := readManifests(t, "rowan.yaml")
	of := func(kind string) manifest {
		i := slices.IndexFunc(all, func(m manifest) bool { return m.Kind == kind })
		require.GreaterOrEqual(t, i, 0, kind)
		return all[i]
	}
	data, volumes := of("ConfigMap").Data, of("Deployment").Spec.Template.Spec.Volumes
	require.Equal(t, "bundle", volumes[0].Name)
	items := volumes[0].ConfigMap.Items
	require.Len(t, items, len(data))
	mount := t.TempDir()
	for _, x := range items {
		file := filepath.Join(mount, "..2026", x.Path)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(data[x.Key]), 0o600))
		top, _, _ := strings.Cut(x.Path, "/")
		_ = os.Remove(filepath.Join(mount, top))
		require.NoError(t, os.Symlink("..data/"+top, filepath.Join(mount, top)))
	}
	require.NoError(t, os.Symlink("..2026", filepath.Join(mount, "..data")))
	var out, errs bytes.Buffer
	status := run([]string{"serve", "--check", "--bundle", mount, "--store", "memory:"}, strings.NewReader(""), &out, &errs)
	require.Zero(t, status, "%s", &errs)
	require.Contains(t, out.String(), "roles 1, identity pools 0, user pools 0, administrators 0, services 1")
}
