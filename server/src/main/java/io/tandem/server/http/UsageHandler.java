package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.tenant.Principal;
import io.tandem.server.tenant.Tenants;
import io.tandem.server.tenant.Usage;
import io.tandem.server.tenant.Usage.Counts;
import io.vertx.ext.web.RoutingContext;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** {@code GET /v1/organization/usage/completions}, in OpenAI's shape or as CSV. */
final class UsageHandler {
    private static final int DAYS = 7;
    private static final int DAYS_MAX = 31;
    private static final Set<String> KNOWN = Set.of(
            "start_time", "end_time", "bucket_width", "limit", "page", "project_ids", "models", "group_by", "format");
    private static final String PROJECT = "project_id";
    private static final String MODEL = "model";
    private static final String HEADER =
            "date,project_id,model,num_model_requests,input_tokens,input_cached_tokens,output_tokens,trained_tokens\n";

    private final Tenants tenants;
    private final Usage usage;

    UsageHandler(Tenants tenants, Usage usage) {
        this.tenants = tenants;
        this.usage = usage;
    }

    /**
     * What is asked for.
     *
     * @param end the first day that is not
     * @param limit days of a page
     */
    private record Question(
            LocalDate start,
            LocalDate end,
            int limit,
            List<TenantId> projects,
            Set<String> models,
            Set<String> groups,
            boolean csv) {
        LocalDate pageEnd() {
            LocalDate last = start.plusDays(limit);
            return last.isBefore(end) ? last : end;
        }
    }

    /** What one tenant used of one model. */
    private record Line(String project, String model, Counts counts) {}

    void completions(RoutingContext context, Principal caller) {
        Question question = question(context, caller);
        if (question.csv()) {
            Json.blocking(
                    context,
                    () -> csv(question),
                    text -> context.response()
                            .putHeader("Content-Type", "text/csv; charset=utf-8")
                            .end(text));
        } else {
            Json.blocking(context, () -> page(question), json -> Json.answer(context, json));
        }
    }

    private Question question(RoutingContext context, Principal caller) {
        Set<String> names = new HashSet<>();
        context.queryParams().names().forEach(name -> names.add(name.replaceFirst("\\[]$", "")));
        for (String name : names) {
            if (!KNOWN.contains(name)) {
                throw ApiException.unsupported(name, "'" + name + "' is not a known parameter.");
            }
        }
        if (!context.request().getParam("bucket_width", "1d").equals("1d")) {
            throw ApiException.invalid("bucket_width", "'bucket_width' must be '1d'.");
        }
        LocalDate start = day(context, context.request().getParam("page") == null ? "start_time" : "page");
        LocalDate end = context.request().getParam("end_time") == null
                ? usage.today().plusDays(1)
                : day(context, "end_time").plusDays(midnight(context, "end_time") ? 0 : 1);
        int limit = Json.limit(context, DAYS, DAYS_MAX);
        Set<String> groups = Set.copyOf(all(context, "group_by"));
        if (!Set.of(PROJECT, MODEL).containsAll(groups)) {
            throw ApiException.invalid("group_by", "'group_by' may have 'project_id' and 'model'.");
        }
        String format = context.request().getParam("format", "json");
        if (!format.equals("json") && !format.equals("csv")) {
            throw ApiException.invalid("format", "'format' must be 'json' or 'csv'.");
        }
        return new Question(
                start,
                end,
                limit,
                projects(context, caller),
                Set.copyOf(all(context, "models")),
                groups,
                format.equals("csv"));
    }

    private List<TenantId> projects(RoutingContext context, Principal caller) {
        List<String> known = tenants.list(caller, true).stream()
                .map(project -> project.path("id").asText())
                .toList();
        List<String> named = all(context, "project_ids");
        for (String id : named) {
            // One of somebody else is refused as one that does not exist.
            if (!known.contains(id)) {
                throw ApiException.notFound("project_ids", "project_not_found", "There is no project '" + id + "'.");
            }
        }
        return (named.isEmpty() ? known : named)
                .stream().distinct().map(TenantId::new).toList();
    }

    /** The values of a parameter, which OpenAI's clients write with brackets. */
    private static List<String> all(RoutingContext context, String name) {
        List<String> all = new ArrayList<>(context.queryParam(name));
        all.addAll(context.queryParam(name + "[]"));
        return all;
    }

    private static LocalDate day(RoutingContext context, String name) {
        return LocalDate.ofInstant(Instant.ofEpochSecond(seconds(context, name)), ZoneOffset.UTC);
    }

    private static boolean midnight(RoutingContext context, String name) {
        return seconds(context, name) % 86_400 == 0;
    }

    private static long seconds(RoutingContext context, String name) {
        @Nullable String text = context.request().getParam(name);
        if (text == null || !text.matches("[0-9]{1,11}")) {
            throw ApiException.invalid(name, "'" + name + "' must be seconds since 1970.");
        }
        return Long.parseLong(text);
    }

    private List<Line> lines(Question question, LocalDate day) {
        List<Line> lines = new ArrayList<>();
        for (TenantId project : question.projects()) {
            usage.of(project, day).forEach((model, counts) -> {
                if (question.models().isEmpty() || question.models().contains(model)) {
                    lines.add(new Line(project.value(), model, counts));
                }
            });
        }
        return lines;
    }

    private String csv(Question question) {
        StringBuilder text = new StringBuilder(HEADER);
        for (LocalDate day = question.start(); day.isBefore(question.pageEnd()); day = day.plusDays(1)) {
            for (Line line : lines(question, day)) {
                Counts counts = line.counts();
                text.append(day).append(',').append(line.project()).append(',').append(line.model());
                for (long count : new long[] {
                    counts.requests(), counts.input(), counts.cached(), counts.output(), counts.trained()
                }) {
                    text.append(',').append(count);
                }
                text.append('\n');
            }
        }
        return text.toString();
    }

    private ObjectNode page(Question question) {
        ObjectNode json = JsonBody.MAPPER.createObjectNode().put("object", "page");
        ArrayNode data = json.putArray("data");
        for (LocalDate day = question.start(); day.isBefore(question.pageEnd()); day = day.plusDays(1)) {
            ObjectNode bucket = data.addObject().put("object", "bucket");
            bucket.put("start_time", day.atStartOfDay().toEpochSecond(ZoneOffset.UTC));
            bucket.put("end_time", day.plusDays(1).atStartOfDay().toEpochSecond(ZoneOffset.UTC));
            ArrayNode results = bucket.putArray("results");
            grouped(lines(question, day), question.groups()).forEach(line -> results.add(result(line)));
        }
        boolean more = question.pageEnd().isBefore(question.end());
        json.put("has_more", more);
        json.put(
                "next_page",
                more ? Long.toString(question.pageEnd().atStartOfDay().toEpochSecond(ZoneOffset.UTC)) : null);
        return json;
    }

    /** Empty names stand for all. */
    private static List<Line> grouped(List<Line> lines, Set<String> groups) {
        Map<List<String>, Counts> sums = new HashMap<>();
        for (Line line : lines) {
            List<String> group =
                    List.of(groups.contains(PROJECT) ? line.project() : "", groups.contains(MODEL) ? line.model() : "");
            sums.merge(group, line.counts(), Counts::plus);
        }
        return sums.entrySet().stream()
                .map(sum -> new Line(sum.getKey().get(0), sum.getKey().get(1), sum.getValue()))
                .sorted(Comparator.comparing(Line::project).thenComparing(Line::model))
                .toList();
    }

    private static ObjectNode result(Line line) {
        Counts counts = line.counts();
        ObjectNode result = JsonBody.MAPPER.createObjectNode();
        result.put("object", "organization.usage.completions.result");
        result.put("input_tokens", counts.input());
        result.put("output_tokens", counts.output());
        result.put("input_cached_tokens", counts.cached());
        result.put("input_audio_tokens", 0);
        result.put("output_audio_tokens", 0);
        result.put("num_model_requests", counts.requests());
        result.put("trained_tokens", counts.trained());
        result.put(PROJECT, line.project().isEmpty() ? null : line.project());
        result.put(MODEL, line.model().isEmpty() ? null : line.model());
        for (String not : List.of("user_id", "api_key_id", "batch", "service_tier")) {
            result.putNull(not);
        }
        return result;
    }
}
