{{/*
A role with its binding, in a namespace or, without one, in the cluster.
The arguments are the root, name, namespace, rules as JSON, account and labels.
*/}}
{{- define "np.role" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ empty .namespace | ternary "ClusterRole" "Role" }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{ .labels | nindent 4 }}
rules: {{ toJson .rules }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ empty .namespace | ternary "ClusterRoleBinding" "RoleBinding" }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{ .labels | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ empty .namespace | ternary "ClusterRole" "Role" }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .account }}
    namespace: {{ .root.Values.operatorNamespace }}
{{- end }}

{{/* Rules as YAML: what an account may do with NotificationSources where they are. */}}
{{- define "np.sourceRules" -}}
- {apiGroups: [kubernaut.ai], resources: [notificationsources], verbs: [get, list, watch]}
- {apiGroups: [kubernaut.ai], resources: [notificationsources/status], verbs: [update]}
{{- end }}

{{- define "np.receiverRules" -}}
- {apiGroups: [kubernaut.ai], resources: [notificationreceivers], verbs: [get, list, watch]}
- {apiGroups: [kubernaut.ai], resources: [notificationreceivers/status], verbs: [update]}
{{- end }}

{{- define "np.referenceRules" -}}
- {apiGroups: [""], resources: [secrets], verbs: [list, watch]}
- {apiGroups: [""], resources: [configmaps], verbs: [list, watch]}
{{- end }}

{{- define "np.eventRules" -}}
{{- if ne .Values.eventsLevel "none" }}
- {apiGroups: [events.k8s.io], resources: [events], verbs: [create]}
{{- end }}
{{- end }}

{{/* Rules of the operator for what the receivers of the values refer to, by name. */}}
{{- define "np.namedReferenceRules" -}}
{{- $secrets := list }}
{{- $configMaps := list }}
{{- range .Values.receivers }}
{{- $secrets = concat $secrets (.existingSecrets | default list) }}
{{- with dig "template" "configMapRef" "name" "" .spec }}{{ $configMaps = append $configMaps . }}{{ end }}
{{- end }}
{{- with $secrets | uniq }}
- {apiGroups: [""], resources: [secrets], verbs: [list, watch], resourceNames: {{ toJson . }}}
{{- end }}
{{- with $configMaps | uniq }}
- {apiGroups: [""], resources: [configmaps], verbs: [list, watch], resourceNames: {{ toJson . }}}
{{- end }}
{{- end }}

{{/* Rules of the operator in every namespace that it watches. */}}
{{- define "np.servedRules" -}}
{{- $v := .Values }}
- {apiGroups: [kubernaut.ai], resources: [notificationrequests], verbs: [get, list, watch]}
- {apiGroups: [kubernaut.ai], resources: [notificationrequests/status], verbs: [update]}
{{- if $v.retentionEnabled }}
- {apiGroups: [kubernaut.ai], resources: [notificationrequests], verbs: [delete]}
{{- end }}
{{- include "np.eventRules" . }}
{{- if $v.receiversEnabled }}
{{ include "np.receiverRules" . }}
{{- if $v.receiversNamespaced }}
{{ include "np.referenceRules" . }}
{{- end }}
{{- end }}
{{- if and $v.gatewayEnabled $v.gatewayTenantSources }}
- {apiGroups: [kubernaut.ai], resources: [notificationrequests], verbs: [create]}
{{- end }}
{{- end }}

{{/* Rules of the operator in its own namespace. */}}
{{- define "np.ownRules" -}}
{{- $v := .Values }}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [list, create]}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [update], resourceNames: [{{ quote $v.leaderElectionLeaseName }}]}
- {apiGroups: [""], resources: [configmaps], verbs: [list, watch], resourceNames: [{{ quote $v.routingConfigMapName }}]}
{{- if gt (int $v.operatorShards) 1 }}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [update, delete]}
{{- end }}
{{- include "np.eventRules" . }}
{{- if $v.receiversEnabled }}
{{- if $v.watchNamespaces }}
{{ include "np.receiverRules" . }}
{{- end }}
{{- if $v.receiversReadAll }}
{{ include "np.referenceRules" . }}
{{- else }}
{{- include "np.namedReferenceRules" . }}
{{- end }}
{{- end }}
{{- if $v.gatewayEnabled }}
{{- if not (and $v.gatewayTenantSources (or (not $v.watchNamespaces) (has $v.operatorNamespace $v.watchNamespaces))) }}
- {apiGroups: [kubernaut.ai], resources: [notificationrequests], verbs: [create]}
{{- end }}
{{- if not $v.gatewayTenantSources }}
{{ include "np.sourceRules" . }}
{{- end }}
{{- end }}
{{- with $v.monitoringExternalHeartbeatSecret }}
- {apiGroups: [""], resources: [secrets], verbs: [list], resourceNames: [{{ quote . }}]}
- {apiGroups: [batch], resources: [jobs], verbs: [list]}
{{- end }}
{{- end }}
