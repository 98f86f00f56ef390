{{- define "np.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "np.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The fields of every pod that the values decide. */}}
{{- define "np.podFields" -}}
{{- $v := .Values }}
{{- with $v.operatorImagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $v.placementPriorityClass }}
priorityClassName: {{ . }}
{{- end }}
{{- with $v.placementNodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with $v.placementAffinity }}
affinity: {{ toJson . }}
{{- end }}
{{- with $v.placementTolerations }}
tolerations:
  {{- range . }}
  - operator: {{ .operator | default "Equal" }}
    {{- with .key }}
    key: {{ quote . }}
    {{- end }}
    {{- with .value }}
    value: {{ quote . }}
    {{- end }}
    {{- with .effect }}
    effect: {{ . }}
    {{- end }}
    {{- if not (kindIs "invalid" .tolerationSeconds) }}
    tolerationSeconds: {{ int64 .tolerationSeconds }}
    {{- end }}
  {{- end }}
{{- end }}
{{- if not $v.operatorHostUsers }}
hostUsers: false
{{- end }}
{{- end }}

{{/* How replicas are spread; the arguments are the root, their number and the name that selects them. */}}
{{- define "np.spread" -}}
{{- $v := .root.Values }}
{{- $spreads := list (list "topology.kubernetes.io/zone" $v.placementZoneSpread) }}
{{- if gt (int .replicas) 1 }}
{{- $spreads = append $spreads (list "kubernetes.io/hostname" $v.placementNodeSpread) }}
{{- end }}
{{- $constraints := list }}
{{- range $spreads }}
{{- if ne (last .) "none" }}
{{- $selector := dict "matchLabels" (dict "app.kubernetes.io/name" $.name) }}
{{- $when := eq (last .) "required" | ternary "DoNotSchedule" "ScheduleAnyway" }}
{{- $constraints = append $constraints (dict "topologyKey" (first .) "maxSkew" 1 "whenUnsatisfiable" $when "labelSelector" $selector "matchLabelKeys" (list "pod-template-hash")) }}
{{- end }}
{{- end }}
{{- with $constraints }}
topologySpreadConstraints: {{ toJson . }}
{{- end }}
{{- end }}

{{- define "np.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: health}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: health}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: health}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 3
{{- end }}

{{- define "np.environment" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_UID
  valueFrom: {fieldRef: {fieldPath: metadata.uid}}
{{- end }}

{{- define "np.ports" -}}
- name: health
  containerPort: {{ int .Values.serverHealthPort }}
- name: metrics
  containerPort: {{ int .Values.serverMetricsPort }}
{{- end }}

{{/* The configuration and a directory for temporary files. */}}
{{- define "np.volumes" -}}
- name: config
  downwardAPI:
    items:
      - path: config.yaml
        fieldRef: {fieldPath: "metadata.annotations['kubernaut.ai/config']"}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- end }}

{{- define "np.mounts" -}}
- name: config
  mountPath: /etc/notification
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "np.caVolume" -}}
{{- $items := list (dict "key" .Values.operatorCaBundleKey "path" "ca.crt") }}
{{- with .Values.operatorCaBundleConfigMap }}
- name: ca-bundle
  configMap: {{ toJson (dict "name" . "items" $items) }}
{{- else }}
{{- with .Values.operatorCaBundleSecret }}
- name: ca-bundle
  secret: {{ toJson (dict "secretName" . "items" $items) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "np.caMount" -}}
{{- if or .Values.operatorCaBundleConfigMap .Values.operatorCaBundleSecret }}
- name: ca-bundle
  mountPath: /etc/notification-ca
  readOnly: true
{{- end }}
{{- end }}

{{- define "np.caVariable" -}}
{{- if or .Values.operatorCaBundleConfigMap .Values.operatorCaBundleSecret }}
- name: SSL_CERT_FILE
  value: /etc/notification-ca/ca.crt
{{- end }}
{{- end }}

{{/* The annotations by which Prometheus finds pods without the Prometheus operator. */}}
{{- define "np.scrapeAnnotations" -}}
{{- if not (or (eq .Values.monitoringMode "none") (contains "PodMonitor" (include "np.monitoringKinds" .))) }}
prometheus.io/scrape: "true"
prometheus.io/path: /metrics
prometheus.io/port: {{ int .Values.serverMetricsPort | quote }}
{{- end }}
{{- end }}

{{/* The limit of local storage of the operator's pods as JSON; empty where a volume has none. */}}
{{- define "np.localStorage" -}}
{{- $v := .Values }}
{{- $sizes := list $v.operatorEphemeralStorageLimit "64Mi" }}
{{- $limited := true }}
{{- if and $v.channelsFileEnabled (eq $v.channelsFileVolume "emptyDir") }}
{{- if eq (include "np.amount" $v.channelsFileSize | float64) 0.0 }}{{ $limited = false }}{{ else }}{{ $sizes = append $sizes $v.channelsFileSize }}{{ end }}
{{- end }}
{{- if and $v.auditFile (not $v.auditFileClaim) }}{{ $sizes = append $sizes (include "np.auditBytes" .) }}{{ end }}
{{- range $v.operatorVolumes }}
{{- if and (hasKey . "emptyDir") (ne (.emptyDir.medium | default "") "Memory") }}
{{- if .emptyDir.sizeLimit }}{{ $sizes = append $sizes .emptyDir.sizeLimit }}{{ else }}{{ $limited = false }}{{ end }}
{{- end }}
{{- end }}
{{- if $limited }}
{{- $sum := 0.0 }}
{{- range $sizes }}{{ $sum = addf $sum (include "np.amount" . | float64) }}{{ end }}
{{- floor $sum | int64 }}
{{- end }}
{{- end }}

{{- define "np.auditBytes" -}}
{{- add (mul (int64 .Values.auditFileMaxBytes) (add (int64 .Values.auditFileCount) 1)) 16777216 }}
{{- end }}
