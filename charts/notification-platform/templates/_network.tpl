{{/* TCP ports of a rule as JSON; the argument is a list of numbers. */}}
{{- define "np.tcp" -}}
{{- $ports := list }}
{{- range . | uniq }}{{ $ports = append $ports (dict "protocol" "TCP" "port" (int .)) }}{{ end }}
{{- toJson $ports }}
{{- end }}

{{/* Peers as JSON: CIDR blocks, and namespaces with labels. */}}
{{- define "np.peers" -}}
{{- $peers := list }}
{{- range .blocks }}{{ $peers = append $peers (dict "ipBlock" (dict "cidr" .)) }}{{ end }}
{{- with .labels }}{{ $peers = append $peers (dict "namespaceSelector" (dict "matchLabels" .)) }}{{ end }}
{{- toJson $peers }}
{{- end }}

{{/* Probes from everywhere, and scrapes from the pods of the values. */}}
{{- define "np.ingress" -}}
{{- $v := .Values }}
{{- if or $v.networkScrapeNamespaceLabels $v.networkScrapePodLabels }}
{{- $scraper := dict }}
{{- with $v.networkScrapeNamespaceLabels }}{{ $_ := set $scraper "namespaceSelector" (dict "matchLabels" .) }}{{ end }}
{{- with $v.networkScrapePodLabels }}{{ $_ := set $scraper "podSelector" (dict "matchLabels" .) }}{{ end }}
- ports: {{ include "np.tcp" (list $v.serverHealthPort) }}
- ports: {{ include "np.tcp" (list $v.serverMetricsPort) }}
  from: {{ toJson (list $scraper) }}
{{- else }}
- ports: {{ include "np.tcp" (list $v.serverHealthPort $v.serverMetricsPort) }}
{{- end }}
{{- end }}

{{- define "np.dns" -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
  {{- if or .Values.networkDnsCidrs .Values.networkDnsNamespaceLabels }}
  to: {{ include "np.peers" (dict "blocks" .Values.networkDnsCidrs "labels" .Values.networkDnsNamespaceLabels) }}
  {{- end }}
{{- end }}

{{- define "np.apiServer" -}}
- ports: {{ include "np.tcp" .Values.networkEgressPorts }}
  {{- with .Values.networkApiServerCidrs }}
  to: {{ include "np.peers" (dict "blocks" .) }}
  {{- end }}
{{- end }}

{{- define "np.restrictsDestinations" -}}
{{- if or .Values.networkApiServerCidrs .Values.networkReceiverCidrs .Values.networkAuditCidrs }}true{{ end }}
{{- end }}
