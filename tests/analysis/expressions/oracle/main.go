// Says what expr-lang/expr makes of conditions, in the environment that Argo Rollouts gives them.
//
// One JSON object a line comes in, {"expression": "...", "result": ..., "vector": false}, and one goes out:
// {"value": "..."} in the notation of show, or {"error": "..."}. A result is decoded as providers do: numbers are
// float64, and with "vector" a list is []float64, as of Prometheus.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
)

type question struct {
	Expression string `json:"expression"`
	Result     any    `json:"result"`
	Vector     bool   `json:"vector"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var asked question
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			panic(err)
		}
		value, err := evaluate(asked)
		if err != nil {
			message := err.Error()
			if fileErr, ok := err.(*file.Error); ok {
				message = fileErr.Message
			}
			_ = out.Encode(map[string]string{"error": message})
			continue
		}
		_ = out.Encode(map[string]string{"value": show(value)})
	}
}

func evaluate(asked question) (any, error) {
	result := special(asked.Result)
	if list, ok := result.([]any); ok && asked.Vector {
		floats := make([]float64, len(list))
		for i, item := range list {
			floats[i] = item.(float64)
		}
		result = floats
	}
	env := map[string]any{
		"result":  result,
		"asInt":   asInt,
		"asFloat": asFloat,
		"isNaN":   math.IsNaN,
		"isInf":   func(f float64) bool { return math.IsInf(f, 0) },
		"isNil":   func(any) bool { return result == nil },
		"default": func(_ any, other any) any {
			if result == nil {
				return other
			}
			return result
		},
	}
	program, err := expr.Compile(asked.Expression, expr.Env(env))
	if err != nil {
		return nil, err
	}
	return expr.Run(program, env)
}

// special reads "NaN", "+Inf" and "-Inf" as numbers, which JSON has none for.
func special(value any) any {
	switch v := value.(type) {
	case string:
		switch v {
		case "NaN":
			return math.NaN()
		case "+Inf":
			return math.Inf(1)
		case "-Inf":
			return math.Inf(-1)
		}
	case []any:
		for i := range v {
			v[i] = special(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = special(v[key])
		}
	}
	return value
}

func asInt(in any) int64 {
	switch i := in.(type) {
	case float64:
		return int64(i)
	case int64:
		return i
	case int:
		return int64(i)
	case string:
		parsed, err := strconv.ParseInt(i, 10, 64)
		if err == nil {
			return parsed
		}
		panic(err)
	}
	panic(fmt.Sprintf("asInt() not supported on %T %v", in, in))
}

func asFloat(in any) float64 {
	switch i := in.(type) {
	case float64:
		return i
	case int64:
		return float64(i)
	case int:
		return float64(i)
	case string:
		parsed, err := strconv.ParseFloat(i, 64)
		if err == nil {
			return parsed
		}
		panic(err)
	}
	panic(fmt.Sprintf("asFloat() not supported on %T %v", in, in))
}

func show(value any) string {
	switch v := value.(type) {
	case nil:
		return "nil"
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return number(v)
	case string:
		return quoted(v)
	case time.Time:
		return "time " + v.UTC().Format(time.RFC3339Nano)
	case time.Duration:
		return "duration " + v.String()
	case []int:
		return list(v)
	case []int64:
		return list(v)
	case []float64:
		return list(v)
	case []string:
		return list(v)
	case []any:
		return list(v)
	case [][2]any:
		return list(v)
	case [2]any:
		return list(v[:])
	case map[string]any:
		return entries(v)
	case map[any]any:
		return entries(v)
	case map[any][]any:
		return entries(v)
	}
	return fmt.Sprintf("%T %v", value, value)
}

func number(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "+Inf"
	case math.IsInf(f, -1):
		return "-Inf"
	}
	text := strconv.FormatFloat(f, 'g', 17, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

func quoted(text string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text)
	return strings.TrimSuffix(out.String(), "\n")
}

func list[T any](items []T) string {
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = show(item)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func entries[K comparable, V any](items map[K]V) string {
	parts := make([]string, 0, len(items))
	for key, value := range items {
		parts = append(parts, show(key)+": "+show(value))
	}
	sort.Strings(parts)
	return "{" + strings.Join(parts, ", ") + "}"
}
