// Tells, for each line of JSON that is a question, what upstream makes of the Rollout in it: the hashes of its
// template and of its steps, and the template as Go spells it. With `live`, a Rollout, also whether its template,
// as it stands in a ReplicaSet, is that of the first; with `defaults`, also the template as Kubernetes fills it in.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/conditions"
	"github.com/argoproj/argo-rollouts/utils/hash"
	"github.com/argoproj/argo-rollouts/utils/replicaset"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	corev1defaults "k8s.io/kubernetes/pkg/apis/core/v1"
)

type question struct {
	Rollout  json.RawMessage `json:"rollout"`
	Live     json.RawMessage `json:"live"`
	Defaults bool            `json:"defaults"`
}

type answer struct {
	Hash      string                  `json:"hash"`
	Steps     string                  `json:"steps"`
	Text      string                  `json:"text"`
	Same      *bool                   `json:"same,omitempty"`
	Defaulted *corev1.PodTemplateSpec `json:"defaulted,omitempty"`
	Malformed string                  `json:"malformed,omitempty"`
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) == 0 {
			return
		}
		var asked question
		must(json.Unmarshal(line, &asked))
		must(answers.Encode(of(asked)))
		if err != nil {
			return
		}
	}
}

func of(asked question) answer {
	rollout, malformed := read(asked.Rollout)
	template := &rollout.Spec.Template
	text, err := json.Marshal(template)
	must(err)
	found := answer{
		Hash:      hash.ComputePodTemplateHash(template, rollout.Status.CollisionCount),
		Steps:     conditions.ComputeStepHash(rollout),
		Text:      string(text),
		Malformed: malformed,
	}
	if asked.Live != nil {
		live, _ := read(asked.Live)
		same := replicaset.PodTemplateEqualIgnoreHash(&live.Spec.Template, template)
		found.Same = &same
	}
	if asked.Defaults {
		whole := corev1.PodTemplate{Template: *template.DeepCopy()}
		corev1defaults.SetObjectDefaults_PodTemplate(&whole)
		found.Defaulted = &whole.Template
	}
	return found
}

// A Rollout as upstream's controller gets to see it: from the cache, leniently where it does not fit, and
// written and read once more.
func read(data []byte) (*v1alpha1.Rollout, string) {
	var object map[string]any
	must(utiljson.Unmarshal(data, &object))
	rollout, malformed := &v1alpha1.Rollout{}, ""
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, rollout); err != nil {
		rollout, malformed = &v1alpha1.Rollout{}, err.Error()
		_ = json.Unmarshal(data, rollout)
	}
	again, err := json.Marshal(rollout)
	must(err)
	remarshalled := &v1alpha1.Rollout{}
	must(json.Unmarshal(again, remarshalled))
	return remarshalled, malformed
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
