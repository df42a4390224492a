package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// What Argo CD takes for a health; anything else becomes Unknown.
var healths = []string{"Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"}

// byArgoCD runs a health check as Argo CD does: gopher-lua with the base, package and table libraries only, one
// second, and the object as the global obj. What is being deleted is Progressing before any script is asked.
// Source: argo-cd util/lua/lua.go, gitops-engine pkg/health/health.go. Argo's own os library is left out here.
func byArgoCD(script string) func(*unstructured.Unstructured) (verdict, error) {
	return func(object *unstructured.Unstructured) (verdict, error) {
		if object.GetDeletionTimestamp() != nil {
			return verdict{Status: "Progressing", Message: "Pending deletion"}, nil
		}
		state := lua.NewState(lua.Options{SkipOpenLibs: true})
		defer state.Close()
		for name, open := range map[string]lua.LGFunction{
			lua.LoadLibName: lua.OpenPackage,
			lua.BaseLibName: lua.OpenBase,
			lua.TabLibName:  lua.OpenTable,
		} {
			call := lua.P{Fn: state.NewFunction(open), NRet: 0, Protect: true}
			if err := state.CallByParam(call, lua.LString(name)); err != nil {
				return verdict{}, err
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		state.SetContext(ctx)
		state.SetGlobal("obj", valueOf(state, object.Object))
		if err := state.DoString(script); err != nil {
			return verdict{}, err
		}
		returned := state.Get(-1)
		if returned.Type() != lua.LTTable {
			return verdict{}, fmt.Errorf("the script returned a %s, not a table", returned.Type())
		}
		encoded, err := luajson.Encode(returned)
		if err != nil {
			return verdict{}, err
		}
		var health verdict
		if err := json.Unmarshal(encoded, &health); err != nil {
			return verdict{}, err
		}
		if !slices.Contains(healths, health.Status) {
			return verdict{}, fmt.Errorf("the script returned the status %q, which Argo CD does not know", health.Status)
		}
		return health, nil
	}
}

func valueOf(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case int64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		array := state.CreateTable(len(value), 0)
		for _, item := range value {
			array.Append(valueOf(state, item))
		}
		return array
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetString(key, valueOf(state, item))
		}
		return table
	}
	return lua.LNil
}
