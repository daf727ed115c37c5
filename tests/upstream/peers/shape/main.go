// Writes how Go spells a pod template and a canary step in JSON: of each type the fields in order.
//
// A field is `name type`, with Go's spelling of types: *T, []T, map[string]T. A question mark at its end means
// that an empty one is left out. Fields of embedded types stand where the embedded one does. What upstream's
// code calls Quantity, IntOrString, Time and RawMessage has a spelling of its own.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"sort"
	"strings"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var (
	roots     = []any{corev1.PodTemplateSpec{}, v1alpha1.CanaryStep{}}
	marshaler = reflect.TypeFor[json.Marshaler]()
	own       = map[reflect.Type]string{
		reflect.TypeFor[resource.Quantity]():  "Quantity",
		reflect.TypeFor[intstr.IntOrString](): "IntOrString",
		reflect.TypeFor[metav1.Time]():        "Time",
		reflect.TypeFor[metav1.FieldsV1]():    "RawMessage",
		reflect.TypeFor[json.RawMessage]():    "RawMessage",
	}
	shapes = map[string][]string{}
	names  = map[string]reflect.Type{}
)

func main() {
	for _, root := range roots {
		spell(reflect.TypeOf(root))
	}
	var lines []string
	for name, fields := range shapes {
		line, err := json.Marshal(fields)
		if err != nil {
			panic(err)
		}
		lines = append(lines, fmt.Sprintf("%q: %s", name, line))
	}
	sort.Strings(lines)
	fmt.Printf("{\n\"versions\": {%s},\n\"types\": {\n%s\n}}\n", versions(), strings.Join(lines, ",\n"))
}

// The modules that the types come from.
func versions() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		panic("built without modules")
	}
	var found []string
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		switch module.Path {
		case "k8s.io/api", "k8s.io/apimachinery", "github.com/argoproj/argo-rollouts":
			found = append(found, fmt.Sprintf("%q: %q", module.Path, module.Version))
		}
	}
	return strings.Join(found, ", ")
}

// Go's name of a type, whose fields are noted if it has some.
func spell(t reflect.Type) string {
	if name, ok := own[t]; ok {
		return name
	}
	if t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler) {
		if t.Kind() != reflect.Pointer {
			refuse(t, "writes itself, in a way that is not known here")
		}
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String:
		return t.Kind().String()
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "int"
	case reflect.Pointer:
		return "*" + spell(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			refuse(t, "is bytes, which no field was when this was written")
		}
		return "[]" + spell(t.Elem())
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			refuse(t, "has keys that are no texts")
		}
		return "map[string]" + spell(t.Elem())
	case reflect.Struct:
		if known, ok := names[t.Name()]; ok && known != t {
			refuse(t, "has a namesake")
		}
		if _, ok := names[t.Name()]; !ok {
			names[t.Name()] = t
			shapes[t.Name()] = fields(t)
		}
		return t.Name()
	default:
		refuse(t, "is of a kind that is not known here")
		return ""
	}
}

func fields(t reflect.Type) []string {
	found, seen := []string{}, map[string]bool{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" || !field.IsExported() && !field.Anonymous {
			continue
		}
		if field.Anonymous && name == "" {
			found = append(found, fields(field.Type)...)
			continue
		}
		if name == "" {
			name = field.Name
		}
		text := name + " " + spell(field.Type)
		if leftOut(field.Type, options) {
			text += "?"
		}
		found = append(found, text)
	}
	for _, text := range found {
		name, _, _ := strings.Cut(text, " ")
		if seen[name] {
			refuse(t, "has two fields "+name)
		}
		seen[name] = true
	}
	return found
}

// Whether an empty field is left out: `omitempty` does nothing to structs, and `omitzero` is known of times only.
func leftOut(t reflect.Type, options string) bool {
	words := map[string]bool{}
	for _, word := range strings.Split(options, ",") {
		words[word] = true
	}
	if words["string"] {
		refuse(t, "is written as a text")
	}
	if words["omitzero"] && t != reflect.TypeFor[metav1.Time]() {
		refuse(t, "is left out when zero")
	}
	return words["omitzero"] || words["omitempty"] && t.Kind() != reflect.Struct
}

func refuse(t reflect.Type, why string) {
	fmt.Fprintf(os.Stderr, "%s %s\n", t, why)
	os.Exit(1)
}
