{{/* The labels of an object of the operator; the argument is its component. */}}
{{- define "np.labels" -}}
app.kubernetes.io/name: notification-operator
app.kubernetes.io/component: {{ . }}
app.kubernetes.io/part-of: notification-platform
{{- end }}

{{- define "np.gatewayLabels" -}}
app.kubernetes.io/name: notification-gateway
app.kubernetes.io/component: gateway
app.kubernetes.io/part-of: notification-platform
{{- end }}

{{/* The annotation that keeps data when the release is uninstalled. */}}
{{- define "np.keep" -}}
helm.sh/resource-policy: keep
{{- end }}

{{/* The name of an object of the operator in the cluster. */}}
{{- define "np.clusterName" -}}
notification-operator.{{ .Values.operatorNamespace }}
{{- end }}

{{/* The kinds of the Prometheus operator that the chart creates, separated by spaces. */}}
{{- define "np.monitoringKinds" -}}
{{- $served := list }}
{{- range list "PodMonitor" "PrometheusRule" }}
{{- if or (eq $.Values.monitoringMode "crds") (and (eq $.Values.monitoringMode "auto") ($.Capabilities.APIVersions.Has (print "monitoring.coreos.com/v1/" .))) }}
{{- $served = append $served . }}
{{- end }}
{{- end }}
{{- join " " $served }}
{{- end }}

{{/* Whether the stack has objects in namespaces of others only. */}}
{{- define "np.isGuest" -}}
{{- if and (not .Values.crdManaged) (not .Values.namespaceManaged) .Values.watchNamespaces }}true{{ end }}
{{- end }}

{{/* A duration as Prometheus writes it; the argument is the number of seconds. */}}
{{- define "np.duration" -}}
{{- $seconds := int64 . }}
{{- if and $seconds (eq (mod $seconds 60) 0) }}{{ div $seconds 60 }}m{{ else }}{{ $seconds }}s{{ end }}
{{- end }}

{{/* The bytes of a quantity such as 64Mi. */}}
{{- define "np.amount" -}}
{{- $factors := dict "" 1 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 }}
{{- $number := regexFind "^[0-9.]+" (toString .) }}
{{- mulf (float64 $number) (float64 (get $factors (trimPrefix $number (toString .)))) }}
{{- end }}

{{/* The port of a URL, or that of its scheme; empty without one. */}}
{{- define "np.port" -}}
{{- $url := urlParse . }}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (get (dict "http" "80" "https" "443") $url.scheme) }}
{{- end }}

{{/* A text as a literal part of a regular expression. */}}
{{- define "np.literal" -}}
{{- . | replace "." "\\." | replace "-" "\\-" }}
{{- end }}

{{/*
The configuration file of a program: what differs from its defaults, as the settings of a stack have it.
The arguments are the root and the entries in files/settings.yaml.
*/}}
{{- define "np.config" -}}
{{- $root := .root }}
{{- $plugin := (.root.Files.Get "files/settings.yaml" | fromYaml).plugin }}
{{- $document := dict }}
{{- $version := 1 }}
{{- range $entry := .entries }}
{{- $value := index $root.Values $entry.key }}
{{- if eq $entry.key "receiversCluster" }}{{ $value = $value | default $root.Release.Name }}{{ end }}
{{- if eq $entry.key "channelsPlugins" }}
{{- $plugins := dict }}
{{- range $name, $channel := $value }}
{{- $changed := dict }}
{{- range $field, $each := $channel }}
{{- if or (not (hasKey $plugin $field)) (ne (toJson $each) (toJson (get $plugin $field))) }}{{ $_ := set $changed $field $each }}{{ end }}
{{- end }}
{{- $_ := set $plugins $name $changed }}
{{- end }}
{{- $value = $plugins }}
{{- end }}
{{- $none := and (kindIs "invalid" $entry.default) (eq (toString $value) "") }}
{{- if not (or $none (eq (toJson $value) (toJson $entry.default))) }}
{{- $branch := $document }}
{{- range initial $entry.path }}
{{- if not (hasKey $branch .) }}{{ $_ := set $branch . dict }}{{ end }}
{{- $branch = get $branch . }}
{{- end }}
{{- $_ := set $branch (last $entry.path) $value }}
{{- $version = max $version (int ($entry.since | default 1)) }}
{{- end }}
{{- end -}}
# settings version: {{ $version }}
{{ toYaml $document }}
{{ end }}
