package io.tandem.loadtest.fuzz;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.loadtest.ApiClient;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What every answer has to be, whatever was asked. */
final class AnswerRules {
    private static final Pattern INSIDES =
            Pattern.compile("\\b(java|javax|jdk|sun|io\\.(netty|vertx|tandem)|com\\.fasterxml|ai\\.djl)\\.[a-z]+"
                    + "|\\b[A-Z][A-Za-z]*(Exception|Error)\\b|\\[Source:|START_OBJECT|VALUE_[A-Z]+|Unexpected character"
                    + "|Unrecognized token|JsonNode|ObjectNode|through reference chain|\\bat [a-z]+\\.[a-z.]+\\(");

    private final List<String> paths;

    /** @param paths of this machine that no answer may name */
    AnswerRules(List<String> paths) {
        this.paths = paths;
    }

    /** What is wrong with an answer; empty if nothing is. */
    Optional<String> complaint(String method, RawAnswer answer, boolean oddVersion) {
        int status = answer.status();
        if (status >= 500 && !(status == 505 && oddVersion)) {
            return Optional.of("status " + status + ": " + answer.text());
        }
        if (status >= 400 && !method.equals("HEAD")) {
            return error(answer);
        }
        // An answer that had begun can fail only in its stream.
        return status == 200
                        && answer.header("content-type").startsWith("text/event-stream")
                        && answer.text().contains("\ndata: {\"error\"")
                ? Optional.of("the stream fails: " + answer.text())
                : Optional.empty();
    }

    private Optional<String> error(RawAnswer answer) {
        String text = answer.text();
        if (!answer.header("content-type").startsWith("application/json")) {
            return Optional.of("an error of type '" + answer.header("content-type") + "': " + text);
        }
        try {
            JsonNode error = ApiClient.JSON.readTree(answer.body()).path("error");
            boolean complete = error.path("message").isTextual()
                    && !error.path("message").asText().isBlank()
                    && error.path("type").isTextual()
                    && error.has("param")
                    && error.has("code");
            if (!complete) {
                return Optional.of("not OpenAI's error object: " + text);
            }
        } catch (IOException e) {
            return Optional.of("an error that is not JSON: " + text);
        }
        Matcher insides = INSIDES.matcher(text);
        if (insides.find()) {
            return Optional.of("speaks of '" + insides.group() + "': " + text);
        }
        return paths.stream().filter(text::contains).findFirst().map(path -> "names the path '" + path + "': " + text);
    }
}
