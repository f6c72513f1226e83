package io.tandem.scheduler.inference;

import io.tandem.kernels.IterationInputs;
import io.tandem.kernels.IterationInputs.EarlyExit;
import io.tandem.kernels.IterationInputs.Scoring;
import io.tandem.kernels.IterationOutputs.Draw;
import io.tandem.kernels.adapter.Prefix;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.inference.TokenSink.Finish;
import io.tandem.scheduler.kv.CacheKey;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A request's state on the device: its tokens, how many of them have run, and what it holds. */
public final class Sequence {
    private static final Logger LOG = LoggerFactory.getLogger(Sequence.class);
    private static final int NO_SLOT = -1;

    /**
     * Tokens that are worth taking from another sequence, or waiting for. A copy costs less than running a single row, but
     * who waits sits an iteration out, and starting one takes as long as some 30 rows.
     */
    public static final int LEAST_SHARED = 32;

    private final InferenceRequest request;
    private final TokenSink sink;
    /** Before the prompt, in {@link #tokens} as in the cache. */
    private final int virtualTokens;

    private final int maxTokens;
    private final Timeline timeline;
    private final List<ContentHash> versions;
    /** For each of the request's adapters the first token that it acts on. */
    private final int[] actsFrom;

    private final CacheKey prefixKey;
    private final Exits exits;
    private final PenalizedTokens penalized;
    private int[] tokens;
    private int length;
    private int computed;
    private int cached;
    private int kvSlot = NO_SLOT;
    private int[] adapterSlots = IterationInputs.BASE;
    private int scored;
    /** First of the prompt's tokens of which layers' inputs are still due. */
    private int observed;

    private int bypassed;
    /** Of its prompt among those that run. */
    private double turn;

    private @Nullable PromptLookup lookup;
    private int longestDraft;
    private boolean roomForDraft;
    private boolean suspended;
    private boolean cancelled;
    private boolean finished;

    /** @param maxLength of prompt and answer together */
    public Sequence(InferenceRequest request, TokenSink sink, int maxLength, long nowNanos) {
        this.request = request;
        this.sink = sink;
        this.virtualTokens = request.virtualTokens();
        this.tokens = Prefix.before(virtualTokens, request.prompt());
        this.maxTokens = Math.min(request.maxTokens(), maxLength - tokens.length);
        this.length = tokens.length;
        this.timeline = new Timeline(nowNanos);
        this.versions = request.adapters().stream()
                .map(AdapterVersion::hash)
                .sorted(Comparator.comparing(ContentHash::hex))
                .toList();
        this.actsFrom = request.adapters().stream()
                .mapToInt(version -> version.adapter()
                        .invocation()
                        .map(invocation -> invocation.start(tokens, tokens.length))
                        .orElse(0))
                .toArray();
        this.prefixKey = prefixKey(request, actsFrom);
        this.exits = new Exits(request.sampling().earlyExit(), tokens.length);
        this.penalized = new PenalizedTokens(request.sampling().penalties(), request.prompt());
        this.observed =
                Math.max(virtualTokens, tokens.length - request.options().observed());
        this.scored = request.options().promptLogprobs() < 0 ? tokens.length : virtualTokens + 1;
    }

    private static CacheKey prefixKey(InferenceRequest request, int[] actsFrom) {
        Map<ContentHash, Integer> from = new HashMap<>();
        for (int i = 0; i < actsFrom.length; i++) {
            from.put(request.adapters().get(i).hash(), actsFrom[i]);
        }
        String domain = request.options().domain();
        if (!domain.isEmpty()) {
            from.put(ContentHash.of("domain " + domain), 0);
        }
        return new CacheKey(from);
    }

    public InferenceRequest request() {
        return request;
    }

    /** Whether it gets only what others leave. */
    public boolean bestEffort() {
        return request.options().bestEffort();
    }

    /** What the adapters are, in an order that depends on nothing else; none for the base model. */
    public List<ContentHash> versions() {
        return versions;
    }

    /** Keys and values of the same tokens are the same as far as this key is, and may be shared. */
    public CacheKey prefixKey() {
        return prefixKey;
    }

    /** Virtual tokens, prompt and answer so far. */
    public int[] tokens() {
        return Arrays.copyOf(tokens, length);
    }

    /** The tokens whose keys and values are in the cache and what any other sequence would compute of them. */
    public int[] computedTokens() {
        return Arrays.copyOf(tokens, Math.min(computed, exits.whole()));
    }

    /**
     * How many of its first tokens another has too, as far as they have one prefix key; keys and values of these are the same. Never
     * all of its own, as the last one has to run, nor those that are to be scored.
     */
    public int shared(Sequence other) {
        int same = prefixKey.shared(other.prefixKey);
        if (same == 0) {
            return 0;
        }
        int mismatch = Arrays.mismatch(tokens, 0, length, other.tokens, 0, other.length);
        int most = Math.min(same, other.exits.whole());
        return reusable(Math.min(Math.min(mismatch < 0 ? length : mismatch, length - 1), most));
    }

    /** The next tokens to run. */
    public int[] next(int count) {
        return Arrays.copyOfRange(tokens, computed, computed + count);
    }

    public int computed() {
        return computed;
    }

    /** Virtual tokens, and those of prompt and answer so far. */
    public int length() {
        return length;
    }

    /** Tokens that have not run; 1 while decoding. */
    public int pending() {
        return length - computed;
    }

    /** How many of those the same adapters act on. */
    public int pendingAlike() {
        return Arrays.stream(actsFrom)
                .filter(from -> from > computed)
                .map(from -> from - computed)
                .reduce(pending(), Math::min);
    }

    /**
     * After how many loops of a recursive model the next tokens leave it.
     *
     * @param drafted tokens behind them
     */
    public Optional<EarlyExit> exit(int count, int drafted) {
        return exits.of(computed, computed + count + drafted, length - 1);
    }

    /** After how many loops all of them leave it. */
    public Exits exits() {
        return exits;
    }

    /** Whether its next row is one that gives a token, with everything before it in the cache. */
    public boolean decoding() {
        return pending() == 1 && computed > 0;
    }

    private int promptEnd() {
        return virtualTokens + request.prompt().length;
    }

    public int generated() {
        return length - promptEnd();
    }

    /** What its penalties count. */
    public PenalizedTokens penalized() {
        return penalized;
    }

    /** Whether log-probabilities of the prompt are still due. */
    public boolean scoring() {
        return scored < promptEnd();
    }

    /** What the next tokens score of the prompt. */
    public Optional<Scoring> scoring(int count) {
        int from = Math.max(scored, computed + 1);
        int to = Math.min(computed + count + 1, promptEnd());
        return to <= from
                ? Optional.empty()
                : Optional.of(new Scoring(
                        from - computed - 1,
                        Arrays.copyOfRange(tokens, from, to),
                        request.options().promptLogprobs()));
    }

    /** Of how many of the next tokens, the last ones, layers' inputs are due. */
    public int observed(int count) {
        return Math.max(0, Math.min(computed + count, promptEnd()) - Math.max(observed, computed));
    }

    /** Layers' inputs of the next tokens are there. */
    public void observe(int count, float[] inputs) {
        observed += count;
        deliver(() -> sink.observed(inputs));
    }

    /**
     * How many tokens in a cache it can do without running, as running them is what gives log-probabilities and layers'
     * inputs, or it has left a recursive model early where others have not.
     */
    public int reusable(int cachedTokens) {
        int most = Math.min(unobserved(), exits.whole());
        return Math.min(scoring() ? Math.min(cachedTokens, scored - 1) : cachedTokens, most);
    }

    private int unobserved() {
        return observed < promptEnd() ? observed : Integer.MAX_VALUE;
    }

    /** The next tokens of the prompt were scored. */
    public void score(List<Draw> draws) {
        scored += draws.size();
        deliver(() -> draws.forEach(sink::promptToken));
    }

    /** The whole prompt has run, and its last token's hidden state is all that is wanted. */
    public void pool(float[] state) {
        deliver(() -> sink.state(state));
    }

    /**
     * From now on its text is searched for {@linkplain #draft drafts}. What a constraint allows is known for the next
     * token only, so there are none for those with one.
     *
     * @param longest of a draft, in tokens
     */
    public void speculate(int longest) {
        if (request.constraint().isEmpty() && !request.options().pooled()) {
            longestDraft = longest;
            lookup = new PromptLookup();
        }
    }

    /** The most tokens that a draft of what follows its last token may have; 0 unless it decodes. */
    public int longestDraft() {
        return decoding() && exits.done() == 0 ? Math.min(longestDraft, remaining() - 1) : 0;
    }

    /** Whether its KV slot may hold the longest draft. */
    public void roomForDraft(boolean room) {
        roomForDraft = room;
    }

    /** What may follow its last token. */
    public Draft draft() {
        return lookup == null || !roomForDraft ? Draft.NONE : lookup.draft(tokens, length, longestDraft());
    }

    public int kvSlot() {
        return kvSlot;
    }

    public int[] adapterSlots() {
        return adapterSlots;
    }

    /** Those of the slots whose adapters act on the next tokens. */
    public int[] actingSlots() {
        return IntStream.range(0, adapterSlots.length)
                .filter(i -> actsFrom[i] <= computed)
                .map(i -> adapterSlots[i])
                .toArray();
    }

    public boolean running() {
        return kvSlot != NO_SLOT;
    }

    /** It got its slots; this many tokens are in the cache already. */
    public void admit(int slot, int cachedTokens, int[] adapters) {
        kvSlot = slot;
        adapterSlots = adapters;
        computed = cachedTokens;
        if (generated() == 0) {
            cached = cachedTokens;
        }
    }

    /** When its prompt should run: those with a smaller number before. */
    public double turn() {
        return turn;
    }

    public void turn(double number) {
        turn = number;
    }

    /** It lost its slots; everything has to run again. */
    public void suspend() {
        kvSlot = NO_SLOT;
        adapterSlots = IterationInputs.BASE;
        computed = 0;
        exits.goOn(0);
        suspended = true;
    }

    /** Whether it ever lost its slots. */
    public boolean suspended() {
        return suspended;
    }

    public void advance(int count) {
        computed += count;
        exits.goOn(0);
        if (lookup != null) {
            lookup.extend(tokens, computed);
        }
    }

    /** The next tokens are in its slot without having run. */
    public void reuse(int count) {
        computed += count;
        if (generated() == 0) {
            cached += count;
        }
    }

    /** When what happened to it. */
    public Timeline timeline() {
        return timeline;
    }

    /** Tokens of the prompt that were not computed for it. */
    public int cachedPromptTokens() {
        return Math.max(0, cached - virtualTokens);
    }

    /** A later request was admitted before this one. */
    public void countBypass() {
        bypassed++;
    }

    /** How often that happened. */
    public int bypassed() {
        return bypassed;
    }

    public void cancel() {
        cancelled = true;
    }

    public boolean cancelled() {
        return cancelled;
    }

    /** Whether the token ends the answer. */
    public boolean stopsAt(Draw draw) {
        return request.stop().tokens().contains(draw.token());
    }

    /** Appends a token and delivers it. */
    public void append(Draw draw) {
        if (length == tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.max(16, 2 * length));
        }
        exits.left(length - 1, draw.loops());
        tokens[length++] = draw.token();
        penalized.add(draw.token());
        request.constraint().ifPresent(constraint -> constraint.accept(draw.token()));
        if (lookup != null) {
            lookup.append(tokens, length);
        }
        deliver(() -> sink.token(draw));
    }

    private void deliver(Runnable delivery) {
        try {
            delivery.run();
        } catch (RuntimeException e) {
            LOG.error("request {} is cancelled: its receiver failed", request.id(), e);
            cancelled = true;
        }
    }

    /** What its constraint lets follow; any token if it has none. */
    public Optional<TokenConstraint.Next> next() {
        return request.constraint().map(TokenConstraint::next);
    }

    /** Whether its constraint lets nothing follow. */
    public boolean complete() {
        return next().filter(TokenConstraint.Next.Nothing.class::isInstance).isPresent();
    }

    /** Why its constraint cannot go on; empty if it can. */
    public Optional<TokenConstraint.Next.Failed> failure() {
        return next().map(next -> next instanceof TokenConstraint.Next.Failed failed ? failed : null);
    }

    /** Whether it may run: its constraint, if it has one, knows tokens that may follow. */
    public boolean ready() {
        return next().map(TokenConstraint.Next.OneOf.class::isInstance).orElse(true);
    }

    /** Tokens that the answer may still get. */
    public int remaining() {
        return maxTokens - generated();
    }

    public boolean full() {
        return remaining() <= 0;
    }

    public boolean finished() {
        return finished;
    }

    /** Ends the request; only the first end counts. */
    public void finish(FinishReason reason, String message) {
        if (finished) {
            return;
        }
        finished = true;
        try {
            sink.finish(new Finish(
                    reason, request.prompt().length, cachedPromptTokens(), generated(), message, timeline.course()));
        } catch (RuntimeException e) {
            LOG.error("the receiver of request {} failed at its end", request.id(), e);
        }
    }
}
