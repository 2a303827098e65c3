// Command manifests reads the objects of Kubernetes in YAML files into the types of k8s.io/api, and fails for members
// that these do not have, values of another type, and kinds that it does not know. What a server alone can tell, such as
// whether two objects fit together, it does not look at: the tests of cmd/rowan do.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// kinds are what a file may hold, by apiVersion and kind.
var kinds = map[string]func() any{
	"v1 ConfigMap":                       func() any { return &corev1.ConfigMap{} },
	"v1 Service":                         func() any { return &corev1.Service{} },
	"v1 ServiceAccount":                  func() any { return &corev1.ServiceAccount{} },
	"apps/v1 Deployment":                 func() any { return &appsv1.Deployment{} },
	"policy/v1 PodDisruptionBudget":      func() any { return &policyv1.PodDisruptionBudget{} },
	"networking.k8s.io/v1 NetworkPolicy": func() any { return &networkingv1.NetworkPolicy{} },
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "manifests: no files")
		os.Exit(2)
	}
	status := 0
	for _, file := range os.Args[1:] {
		n, err := check(file)
		if err != nil {
			fmt.Fprintf(os.Stderr, "manifests: %s: %v\n", file, err)
			status = 1
			continue
		}
		fmt.Printf("%s: %d objects\n", file, n)
	}
	os.Exit(status)
}

// check reads one file and returns how many objects it has, at least one.
func check(file string) (n int, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for i, doc := range bytes.Split(text, []byte("\n---\n")) {
		var meta struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal(doc, &meta); err != nil {
			return 0, fmt.Errorf("object %d: %w", i+1, err)
		}
		name := meta.APIVersion + " " + meta.Kind
		object, known := kinds[name]
		if !known {
			return 0, fmt.Errorf("object %d: unknown kind %q", i+1, strings.TrimSpace(name))
		}
		if err := yaml.UnmarshalStrict(doc, object()); err != nil {
			return 0, fmt.Errorf("object %d, %s: %w", i+1, name, err)
		}
		n++
	}
	return n, nil
}
