package io.tandem.server.finetune.writing;

import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.scheduler.inference.FinishReason;
import io.tandem.scheduler.inference.SamplingParams;
import io.tandem.scheduler.inference.SamplingParams.Penalties;
import io.tandem.scheduler.inference.StopRule;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.ChatMessage;
import io.tandem.server.dataset.UserTurn;
import io.tandem.server.finetune.writing.Inquiries.Reply;
import io.tandem.server.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * A chat that is being written, with as many turns as one of the file and what that one's system says. What the user says is
 * drawn as the adapter has learned it; the answer is the likeliest one, as of a teacher (sequence-level distillation, Kim and Rush,
 * 2016).
 */
final class Candidate {
    private final Author author;
    private final Inquiries inquiries;
    private final List<ChatMessage> pattern;
    private final int maxTokens;
    private final long seed;
    private final Consumer<Optional<List<ChatMessage>>> end;
    private final List<ChatMessage> written = new ArrayList<>();

    /**
     * @param pattern a chat of the file
     * @param maxTokens of the whole chat
     * @param end gets the chat; empty if it came to no end, or cannot be one of the file's kind
     */
    Candidate(
            Author author,
            Inquiries inquiries,
            List<ChatMessage> pattern,
            int maxTokens,
            long seed,
            Consumer<Optional<List<ChatMessage>>> end) {
        this.author = author;
        this.inquiries = inquiries;
        this.pattern = pattern;
        this.maxTokens = maxTokens;
        this.seed = seed;
        this.end = end;
    }

    /** Asks for what comes next. */
    void goOn() {
        while (written.size() < pattern.size()
                && pattern.get(written.size()).role().equals("system")) {
            written.add(pattern.get(written.size()));
        }
        if (written.size() == pattern.size()) {
            end.accept(Optional.of(List.copyOf(written)));
            return;
        }
        String role = pattern.get(written.size()).role();
        boolean user = role.equals("user");
        turn(user)
                .ifPresentOrElse(
                        turn -> ask(turn, user ? drawn(seed + written.size()) : SamplingParams.GREEDY, role),
                        () -> end.accept(Optional.empty()));
    }

    /**
     * What somebody is to say.
     *
     * @param before all that comes before it
     * @param stop tokens that end it
     */
    private record Turn(String before, Set<Integer> stop) {}

    /** Empty if the template does not go on from what was written. */
    private Optional<Turn> turn(boolean user) {
        try {
            return user
                    ? UserTurn.of(this::render, written)
                            .flatMap(turn -> turn.stop(tokenizer()).map(stop -> new Turn(turn.opening(), Set.of(stop))))
                    : Optional.of(new Turn(render(written), author.model().stopTokens()));
        } catch (ApiException e) {
            return Optional.empty();
        }
    }

    private static SamplingParams drawn(long seed) {
        return new SamplingParams(1, 0, 1, 0, seed, Penalties.NONE, Map.of(), -1);
    }

    private Tokenizer tokenizer() {
        return author.model().tokenizer();
    }

    private String render(List<ChatMessage> messages) {
        return author.model().template().render(messages, true);
    }

    private void ask(Turn turn, SamplingParams sampling, String role) {
        int[] prompt = tokenizer().encodeBehind("", turn.before());
        if (prompt.length >= maxTokens) {
            end.accept(Optional.empty());
            return;
        }
        inquiries.ask(
                prompt,
                maxTokens - prompt.length,
                author.adapters(),
                sampling,
                StopRule.at(turn.stop()),
                reply -> said(role, reply));
    }

    private void said(String role, Reply reply) {
        int[] tokens = reply.answer().stream().mapToInt(Draw::token).toArray();
        String text = tokenizer().text(tokens, true).strip();
        boolean special = Arrays.stream(tokens).anyMatch(tokenizer()::special);
        if (reply.finish().reason() != FinishReason.STOP || special || text.isBlank()) {
            end.accept(Optional.empty());
        } else {
            written.add(new ChatMessage(role, text));
            goOn();
        }
    }
}
