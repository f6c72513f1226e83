package io.tandem.scheduler.inference;

import io.tandem.scheduler.adapter.AdapterVersion;
import java.util.List;
import java.util.Optional;

/**
 * What a client asked for, in tokens.
 *
 * @param id unique in the process
 * @param caller on whose account it runs; {@link #SHARED_CALLER} if nobody said. Several of one tenant have its name and a slash
 *     before their own
 * @param prompt token ids
 * @param maxTokens most tokens to generate; cut to what the context still holds
 * @param adapters the versions that answer together, from the first token to the last; none means the base model
 * @param sampling how tokens are drawn
 * @param stop tokens that end the answer
 * @param options what few requests ask for
 */
public record InferenceRequest(
        long id,
        String caller,
        int[] prompt,
        int maxTokens,
        List<AdapterVersion> adapters,
        SamplingParams sampling,
        StopRule stop,
        Options options) {

    /** All who do not say who they are. */
    public static final String SHARED_CALLER = "";

    public InferenceRequest {
        adapters = List.copyOf(adapters);
    }

    /** Tokens that its adapters put before the prompt. */
    public int virtualTokens() {
        return adapters.stream()
                .mapToInt(version -> version.adapter().virtualTokens())
                .sum();
    }

    /** Whose caller it is: what stands before a slash in the caller's name. */
    public String tenant() {
        return tenant(caller);
    }

    /** Of a caller. */
    public static String tenant(String caller) {
        int slash = caller.indexOf('/');
        return slash < 0 ? caller : caller.substring(0, slash);
    }

    /** What limits the answer's tokens. */
    public Optional<TokenConstraint> constraint() {
        return options.constraint();
    }

    /** The same, but it gets only what all others leave. */
    public InferenceRequest asBestEffort() {
        Options best = new Options(
                options.promptLogprobs(),
                options.priority(),
                options.constraint(),
                options.pooled(),
                true,
                options.domain(),
                options.observed());
        return new InferenceRequest(id, caller, prompt, maxTokens, adapters, sampling, stop, best);
    }

    /** The same, but it shares cached prompts with requests of this domain only. */
    public InferenceRequest inDomain(String domain) {
        Options own = new Options(
                options.promptLogprobs(),
                options.priority(),
                options.constraint(),
                options.pooled(),
                options.bestEffort(),
                domain,
                options.observed());
        return new InferenceRequest(id, caller, prompt, maxTokens, adapters, sampling, stop, own);
    }

    /** A request without options. */
    public InferenceRequest(
            long id,
            String caller,
            int[] prompt,
            int maxTokens,
            List<AdapterVersion> adapters,
            SamplingParams sampling,
            StopRule stop) {
        this(id, caller, prompt, maxTokens, adapters, sampling, stop, Options.NONE);
    }

    /**
     * What few requests ask for.
     *
     * @param promptLogprobs as {@link SamplingParams#topLogprobs}, of the prompt's tokens but the first. The prompt then
     *     runs as a whole, whatever is cached of it
     * @param priority among the waiting requests of the same caller, the lowest first
     * @param constraint limits the answer's tokens; no other request may have the same one
     * @param pooled whether the hidden state of the prompt's last token is wanted, and no answer
     * @param bestEffort whether it waits for, makes way for, and slows down no request without this
     * @param domain of requests that it shares cached prompts with; what is cached tells what somebody has asked before
     * @param observed of how many of the prompt's last tokens layers' inputs are wanted; they run whatever is cached
     */
    public record Options(
            int promptLogprobs,
            int priority,
            Optional<TokenConstraint> constraint,
            boolean pooled,
            boolean bestEffort,
            String domain,
            int observed) {
        public static final Options NONE = new Options(-1, 0, Optional.empty(), false, false, "", 0);
        public static final Options POOLED = pooled(0);

        /** With an answer. */
        public Options(int promptLogprobs, int priority, Optional<TokenConstraint> constraint) {
            this(promptLogprobs, priority, constraint, false, false, "", 0);
        }

        /** Without an answer. */
        public static Options pooled(int observed) {
            return new Options(-1, 0, Optional.empty(), true, false, "", observed);
        }
    }
}
