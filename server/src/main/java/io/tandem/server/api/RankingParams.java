package io.tandem.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * A checked body of {@code POST /v1/rerank}, in the shape of Jina, Cohere and vLLM, or of {@code POST /v1/score}, in
 * vLLM's.
 *
 * @param model that judges
 * @param user on whose account the request runs
 * @param pairs each a query and a document
 * @param best how many of them are wanted
 * @param returnDocuments whether the answer has the documents
 */
public record RankingParams(String model, String user, List<Pair> pairs, int best, boolean returnDocuments) {
    private static final int PAIRS_MAX = 256;
    private static final Set<String> RERANK =
            Set.of("model", "user", "query", "documents", "top_n", "return_documents");
    private static final Set<String> SCORE = Set.of("model", "user", "text_1", "text_2");
    /** The same by other names. */
    private static final Set<String> NAMED_SCORE = Set.of("model", "user", "queries", "documents");

    /** Whether the document answers the query is asked. */
    public record Pair(String query, String document) {}

    public static RankingParams rerank(JsonBody body) {
        body.rejectUnknown(RERANK);
        String query = body.requiredString("query", Integer.MAX_VALUE);
        List<Pair> pairs = texts(body, "documents").stream()
                .map(text -> new Pair(query, text))
                .toList();
        return new RankingParams(
                model(body),
                user(body),
                pairs,
                body.optionalInt("top_n", 0, Integer.MAX_VALUE).orElse(pairs.size()),
                body.optionalBoolean("return_documents", true));
    }

    public static RankingParams score(JsonBody body) {
        boolean named = body.find("queries") != null;
        body.rejectUnknown(named ? NAMED_SCORE : SCORE);
        List<String> first = texts(body, named ? "queries" : "text_1");
        String second = named ? "documents" : "text_2";
        List<String> others = texts(body, second);
        if (first.size() > 1 && first.size() != others.size()) {
            throw body.invalid(second, "must have as many texts as there are queries, or there must be one query.");
        }
        List<Pair> pairs = new ArrayList<>();
        for (int i = 0; i < others.size(); i++) {
            pairs.add(new Pair(first.get(first.size() == 1 ? 0 : i), others.get(i)));
        }
        return new RankingParams(model(body), user(body), pairs, pairs.size(), false);
    }

    private static String model(JsonBody body) {
        return body.requiredString("model", GenerationParams.MODEL_CHARS_MAX);
    }

    private static String user(JsonBody body) {
        return body.optionalString("user", GenerationParams.USER_CHARS_MAX).orElse("");
    }

    /** A string, or an array of strings or of objects with a text. */
    private static List<String> texts(JsonBody body, String field) {
        JsonNode value = body.find(field);
        if (value == null) {
            throw body.invalid(field, "is required.");
        }
        if (value.isTextual()) {
            return List.of(value.textValue());
        }
        if (!value.isArray() || value.isEmpty() || value.size() > PAIRS_MAX) {
            throw body.invalid(field, "must be a string, or an array of 1 to " + PAIRS_MAX + " texts.");
        }
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < value.size(); i++) {
            texts.add(value.get(i).isTextual() ? value.get(i).textValue() : text(body.element(field, value, i)));
        }
        return texts;
    }

    private static String text(JsonBody document) {
        return document.optionalString("text").orElseThrow(() -> document.invalid("text", "is required."));
    }
}
