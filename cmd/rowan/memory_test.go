package main

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestMemoryLimit(t *testing.T) {
	const first = "9:name=systemd:/\n4:cpu,memory:/docker/f1ba\n"
	for name, x := range map[string]struct {
		files map[string]string
		want  int64 // 0: none
	}{
		"a container":                 {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "134217728\n"}, 134217728},
		"one without a limit":         {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		"nobody says which groups":    {map[string]string{"sys/fs/cgroup/memory.max": "134217728\n"}, 134217728},
		"no control groups":           {nil, 0},
		"a unit of systemd":           {map[string]string{"proc/self/cgroup": "0::/system.slice/rowan.service\n", "sys/fs/cgroup/system.slice/rowan.service/memory.max": "1000000\n"}, 1000000},
		"its slice has a lower one":   {map[string]string{"proc/self/cgroup": "0::/s/r\n", "sys/fs/cgroup/s/r/memory.max": "1000000\n", "sys/fs/cgroup/s/memory.max": "500000\n"}, 500000},
		"another unit has one":        {map[string]string{"proc/self/cgroup": "0::/s/r\n", "sys/fs/cgroup/s/q/memory.max": "1000000\n"}, 0},
		"the first version":           {map[string]string{"proc/self/cgroup": first, "sys/fs/cgroup/memory/docker/f1ba/memory.limit_in_bytes": "134217728\n"}, 134217728},
		"a path that is not seen":     {map[string]string{"proc/self/cgroup": first, "sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n"}, 134217728},
		"its way to say no limit":     {map[string]string{"proc/self/cgroup": first, "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"of another controller":       {map[string]string{"proc/self/cgroup": "4:cpu:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "134217728\n"}, 0},
		"a path that leads elsewhere": {map[string]string{"proc/self/cgroup": "0::/../../etc\n", "etc/memory.max": "1\n", "sys/fs/cgroup/memory.max": "134217728\n"}, 134217728},
		"no number":                   {map[string]string{"sys/fs/cgroup/memory.max": "1e9\n"}, 0},
		"none of it":                  {map[string]string{"sys/fs/cgroup/memory.max": "0\n"}, 0},
		"less":                        {map[string]string{"sys/fs/cgroup/memory.max": "-1\n"}, 0},
	} {
		root := fstest.MapFS{}
		for file, text := range x.files {
			root[file] = &fstest.MapFile{Data: []byte(text)}
		}
		limit, ok := memoryLimit(root)
		require.Equal(t, x.want > 0, ok, name)
		if ok {
			require.Equal(t, x.want, limit, name)
		}
	}
}
