package tests

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// helm finds Helm where the Makefile put it, else on the path.
func helm(t *testing.T) string { return tool(t, "helm", "PLUMBLINE_HELM") }

// render renders the chart with a values file of testdata ("" for the defaults) and further arguments.
func render(t *testing.T, values string, more ...string) (release, error) {
	t.Helper()
	args := append([]string{"template", "acme", chart, "--namespace", "crm"}, more...)
	if values != "" {
		args = append(args, "--values", filepath.Join("testdata", values))
	}
	out, errs, err := run(t, helm(t), args...)
	if err != nil {
		return release{}, errors.New(errs)
	}
	return read(t, out), nil
}

// release is what was rendered, each manifest by "Kind/name".
type release struct {
	text      string
	manifests map[string]any
}

// read decodes every manifest strictly: a key that its kind does not have, or that comes twice, is a mistake.
func read(t *testing.T, text string) release {
	t.Helper()
	out := release{text: text, manifests: map[string]any{}}
	for _, doc := range strings.Split(text, "\n---\n") {
		doc = strings.TrimPrefix(doc, "---\n")
		var head Object
		if err := yaml.Unmarshal([]byte(doc), &head); err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		if head.Kind == "" {
			continue // comments alone
		}
		m := kinds()[head.APIVersion+" "+head.Kind]
		if m == nil {
			t.Fatalf("the chart renders a %s of %s", head.Kind, head.APIVersion)
		}
		if err := yaml.NewDecoder(strings.NewReader(doc), yaml.Strict()).Decode(m); err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("%s: %v\n%s", head.Kind, err, doc)
		}
		key := head.Kind + "/" + head.Metadata.Name
		if out.manifests[key] != nil {
			t.Errorf("%s is rendered twice", key)
		}
		out.manifests[key] = m
		for k, v := range map[string]string{"app.kubernetes.io/name": "plumbline", "app.kubernetes.io/instance": "acme"} {
			if head.Metadata.Labels[k] != v {
				t.Errorf("%s: label %s is %q", key, k, head.Metadata.Labels[k])
			}
		}
	}
	return out
}

func (r release) names() []string {
	var out []string
	for k := range r.manifests {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// one is the manifest of a kind and name.
func one[T any](t *testing.T, r release, key string) *T {
	t.Helper()
	m, ok := r.manifests[key].(*T)
	if !ok {
		t.Fatalf("no %s among %v", key, r.names())
	}
	return m
}

func TestHelmLint(t *testing.T) {
	for _, values := range []string{"", "full.yaml", "existing.yaml", "ephemeral.yaml"} {
		args := []string{"lint", "--strict", chart}
		if values != "" {
			args = append(args, "--values", filepath.Join("testdata", values))
		}
		if out, errs, err := run(t, helm(t), args...); err != nil {
			t.Errorf("helm lint with %q: %v\n%s%s", values, err, out, errs)
		}
	}
}

func TestDefaults(t *testing.T) {
	r, err := render(t, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ConfigMap/acme-plumbline", "Deployment/acme-plumbline", "PersistentVolumeClaim/acme-plumbline", "Service/acme-plumbline", "ServiceAccount/acme-plumbline"}
	if diff := cmp.Diff(want, r.names()); diff != "" {
		t.Errorf("rendered (-want +got):\n%s", diff)
	}
	d := one[deployment](t, r, "Deployment/acme-plumbline")
	checkPod(t, d)
	if c := d.Spec.Template.Spec.Containers[0]; len(c.EnvFrom) != 0 || len(c.Ports) != 1 || c.Ports[0] != (port{Name: "http", ContainerPort: 8080}) {
		t.Errorf("without a secret: %+v, ports %+v", c.EnvFrom, c.Ports)
	}
	checkConfig(t, r, nil)
}

// TestEverythingOn has all that the values can switch on.
func TestEverythingOn(t *testing.T) {
	r, err := render(t, "full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ConfigMap/acme-plumbline", "ConfigMap/acme-plumbline-dashboard", "Deployment/acme-plumbline", "PersistentVolumeClaim/acme-plumbline",
		"PrometheusRule/acme-plumbline", "Secret/acme-plumbline", "Service/acme-plumbline", "ServiceAccount/acme-plumbline", "ServiceMonitor/acme-plumbline",
	}
	if diff := cmp.Diff(want, r.names()); diff != "" {
		t.Errorf("rendered (-want +got):\n%s", diff)
	}
	d := one[deployment](t, r, "Deployment/acme-plumbline")
	checkPod(t, d)
	c := d.Spec.Template.Spec.Containers[0]
	if diff := cmp.Diff([]port{{Name: "http", ContainerPort: 8081}, {Name: "metrics", ContainerPort: 9090}}, c.Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if len(c.EnvFrom) != 1 || c.EnvFrom[0].SecretRef.Name != "acme-plumbline" {
		t.Errorf("the environment comes from %+v", c.EnvFrom)
	}
	if !slices.ContainsFunc(c.VolumeMounts, func(m mount) bool { return m.MountPath == "/run/secrets/plumbline" && m.ReadOnly }) {
		t.Errorf("the secret is not mounted: %+v", c.VolumeMounts)
	}
	s := one[secret](t, r, "Secret/acme-plumbline")
	for name, value := range s.StringData {
		if n := strings.Count(r.text, value); n != 1 {
			t.Errorf("the value of %s is rendered %d times; it belongs into the secret alone", name, n)
		}
	}
	monitor := one[serviceMonitor](t, r, "ServiceMonitor/acme-plumbline")
	service := one[service](t, r, "Service/acme-plumbline")
	if e := monitor.Spec.Endpoints[0]; e.Port != "metrics" || !slices.ContainsFunc(service.Spec.Ports, func(p servicePort) bool { return p.Name == e.Port && p.Port == 9090 }) {
		t.Errorf("the monitor looks at %+v of %+v", monitor.Spec.Endpoints, service.Spec.Ports)
	}
	for label, value := range monitor.Spec.Selector.MatchLabels {
		if service.Metadata.Labels[label] != value {
			t.Errorf("the monitor wants %s=%s of the service, which has %q", label, value, service.Metadata.Labels[label])
		}
	}
	board := one[configMap](t, r, "ConfigMap/acme-plumbline-dashboard")
	sameFile(t, filepath.Join("dashboards", "plumbline.json"), board.Data["plumbline.json"])
	checkConfig(t, r, s.StringData)

	rule := one[prometheusRule](t, r, "PrometheusRule/acme-plumbline")
	b, err := yaml.Marshal(rule.Spec)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, err := run(t, tool(t, "promtool", ""), "check", "rules", file); err != nil {
		t.Errorf("the rules as rendered: %v\n%s%s", err, out, errs)
	}
}

func TestSecretThatExists(t *testing.T) {
	r, err := render(t, "existing.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"Secret/acme-plumbline", "PersistentVolumeClaim/acme-plumbline"} {
		if r.manifests[k] != nil {
			t.Errorf("%s is rendered though one is named that exists", k)
		}
	}
	d := one[deployment](t, r, "Deployment/acme-plumbline")
	checkPod(t, d)
	if e := d.Spec.Template.Spec.Containers[0].EnvFrom; len(e) != 1 || e[0].SecretRef.Name != "crm-secrets" {
		t.Errorf("the environment comes from %+v", e)
	}
	if !slices.ContainsFunc(d.Spec.Template.Spec.Volumes, func(v volume) bool { return v.Claim != nil && v.Claim.ClaimName == "my-claim" }) {
		t.Errorf("volumes %+v", d.Spec.Template.Spec.Volumes)
	}
	checkConfig(t, r, map[string]string{"HUBSPOT_SECRET": "x"})
}

func TestNoVolume(t *testing.T) {
	r, err := render(t, "ephemeral.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if r.manifests["PersistentVolumeClaim/acme-plumbline"] != nil {
		t.Error("a claim is rendered")
	}
	d := one[deployment](t, r, "Deployment/acme-plumbline")
	checkPod(t, d)
	if !slices.ContainsFunc(d.Spec.Template.Spec.Volumes, func(v volume) bool { return v.Name == "data" && v.EmptyDir != nil }) {
		t.Errorf("volumes %+v", d.Spec.Template.Spec.Volumes)
	}
}

// TestWrongValues are refused before anything is installed.
func TestWrongValues(t *testing.T) {
	for set, says := range map[string]string{
		"replicaCount=2":                         "replicaCount",
		"config.server.listen=127.0.0.1:8080":    "listen",
		"config.metrics.listen=localhost:9090":   "listen",
		"persistence.size=lots":                  "size",
		"secret.date.HUBSPOT_SECRET=misspelt":    "date",
		"image.pullPolicy=Sometimes":             "pullPolicy",
		"service.port=0":                         "port",
		"serviceMonitor.interval=every minute":   "interval",
		"secret.mountPath=run/secrets/plumbline": "mountPath",
	} {
		_, err := render(t, "", "--set", set)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("--set %s: %v", set, err)
		}
	}
}

// checkPod holds what every pod must have.
func checkPod(t *testing.T, d *deployment) {
	t.Helper()
	if d.Spec.Replicas != 1 || d.Spec.Strategy.Type != "Recreate" {
		t.Errorf("%d replicas by %s: the database file has one writer", d.Spec.Replicas, d.Spec.Strategy.Type)
	}
	if diff := cmp.Diff(d.Spec.Selector.MatchLabels, d.Spec.Template.Metadata.Labels); diff != "" {
		t.Errorf("the selector does not match the pod:\n%s", diff)
	}
	pod := d.Spec.Template.Spec
	if s := pod.SecurityContext; !s.RunAsNonRoot || s.RunAsUser == 0 || s.FSGroup == 0 || s.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("the pod may do too much: %+v", s)
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Error("the pod has a token for the cluster's API")
	}
	if len(pod.Containers) != 1 {
		t.Fatalf("%d containers", len(pod.Containers))
	}
	c := pod.Containers[0]
	if s := c.SecurityContext; s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
		t.Errorf("the container may do too much: %+v", s)
	}
	for name, p := range map[string]*probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if p == nil || p.HTTPGet.Path != name || p.HTTPGet.Port != "http" {
			t.Errorf("the probe of %s is %+v", name, p)
		}
	}
	if c.StartupProbe == nil || c.StartupProbe.PeriodSeconds*c.StartupProbe.FailureThreshold < 60 {
		t.Errorf("a start that has to migrate is not waited for: %+v", c.StartupProbe)
	}
	if c.Resources.Requests["memory"] == "" || c.Resources.Limits["memory"] == "" {
		t.Errorf("resources %+v", c.Resources)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("%s is mounted, but there is no such volume", m.Name)
		}
		delete(volumes, m.Name)
	}
	if len(volumes) > 0 {
		t.Errorf("volumes that nothing mounts: %v", volumes)
	}
}

// checkConfig has the program itself read the configuration as rendered.
func checkConfig(t *testing.T, r release, env map[string]string) {
	t.Helper()
	data := one[configMap](t, r, "ConfigMap/acme-plumbline").Data
	file := filepath.Join(t.TempDir(), "plumbline.yaml")
	if err := os.WriteFile(file, []byte(data["plumbline.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), plumbline(t), "config", "check", "--config", file)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("is fine")) {
		t.Errorf("config check: %v\n%s\n%s", err, out, data["plumbline.yaml"])
	}
}

// sameFile compares a file of the chart with what was rendered of it.
func sameFile(t *testing.T, name, got string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join(chart, name))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), strings.TrimSpace(got)); diff != "" {
		t.Errorf("%s is not rendered as it is:\n%s", name, diff)
	}
}
