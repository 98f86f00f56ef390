{{/* The groups of files/rules.yaml with the thresholds of the values, without the alerts that these turn off. */}}
{{- define "np.alertGroups" -}}
{{- $v := .Values }}
{{- $seconds := int64 $v.monitoringAlertSeconds }}
{{- $window := max $seconds 300 }}
{{- $text := .Files.Get "files/rules.yaml" | replace "<namespace>" $v.operatorNamespace }}
{{- $text = $text | replace "<hold>" (include "np.duration" $seconds) | replace "<window>" (include "np.duration" $window) | replace "<windowSeconds>" (toString $window) }}
{{- $text = $text | replace "<holdOutage>" (include "np.duration" (min $seconds 60)) | replace "<lossWindow>" (include "np.duration" (mul 3 $window)) }}
{{- $text = $text | replace "<holdRate>" (include "np.duration" (add $seconds $window)) }}
{{- $text = $text | replace "<failureShare>" (printf "%g" (divf $v.monitoringFailurePercent 100)) | replace "<queueSeconds>" (int64 $v.monitoringQueueSeconds | toString) }}
{{- $text = $text | replace "<drillHours>" (int64 $v.monitoringDrillHours | toString) | replace "<drillSeconds>" (mul 3600 (int64 $v.monitoringDrillHours) | toString) }}
{{- $text = $text | replace "<sourceSeconds>" (mul 3600 (int64 $v.monitoringSourceHours) | toString) }}
{{- $groups := (fromYaml $text).groups }}
{{- if not $v.gatewayEnabled }}{{ $groups = initial $groups }}{{ end }}
{{- $off := list }}
{{- if not $v.monitoringExternalHeartbeatSecret }}{{ $off = append $off "NotificationExternalHeartbeatFailing" }}{{ end }}
{{- if not (int64 $v.monitoringSourceHours) }}{{ $off = append $off "NotificationSourceSilent" }}{{ end }}
{{- $base := regexReplaceAll "/+$" $v.monitoringRunbooks "" }}
{{- range $group := $groups }}
{{- $rules := list }}
{{- range $group.rules }}
{{- if not (has .alert $off) }}
{{- if $base }}
{{- $page := regexFind "[^/]+$" .annotations.description }}
{{- $_ := set .annotations "description" (trimSuffix (print " Runbook: docs/runbooks/" $page) .annotations.description) }}
{{- $_ := set .annotations "runbook_url" (print $base "/" $page) }}
{{- end }}
{{- $rules = append $rules . }}
{{- end }}
{{- end }}
{{- $_ := set $group "rules" $rules }}
{{- end }}
{{- toYaml $groups }}
{{- end }}
