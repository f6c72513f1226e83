package io.tandem.server.api;

import io.tandem.server.api.RequestField.Origin;
import io.tandem.server.api.RequestField.Route;
import io.tandem.server.api.RequestField.Support;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The fields of {@code /v1/completions}, {@code /v1/chat/completions} and {@code /v1/responses}: all that OpenAI and vLLM define, those of
 * llama.cpp that change what is sampled, and Tandem's own. What is refused, and docs/compatibility.md, follow from it.
 */
public final class RequestFields {
    private static final Set<Route> EVERY = EnumSet.allOf(Route.class);
    private static final Set<Route> BOTH = EnumSet.of(Route.COMPLETIONS, Route.CHAT);
    private static final Set<Route> CHAT = EnumSet.of(Route.CHAT);
    private static final Set<Route> COMPLETIONS = EnumSet.of(Route.COMPLETIONS);
    private static final Set<Route> RESPONSES = EnumSet.of(Route.RESPONSES);
    private static final Set<Route> CHATS = EnumSet.of(Route.CHAT, Route.RESPONSES);

    private static final List<RequestField> ALL = all();

    private static final Map<Route, Map<String, RequestField>> BY_ROUTE = EVERY.stream()
            .collect(Collectors.toMap(
                    Function.identity(),
                    route -> ALL.stream()
                            .filter(field -> field.routes().contains(route))
                            .collect(Collectors.toMap(RequestField::name, Function.identity()))));

    private RequestFields() {}

    /** In the order in which people look for them. */
    public static List<RequestField> list() {
        return ALL;
    }

    /**
     * Refuses what would change the answer in a way that is not supported.
     *
     * @return the names of fields that nothing reads
     * @throws ApiException naming the field
     */
    static List<String> check(JsonBody body, Route route) {
        Map<String, RequestField> fields = Objects.requireNonNull(BY_ROUTE.get(route));
        List<String> ignored = new ArrayList<>();
        for (Iterator<String> names = body.node().fieldNames(); names.hasNext(); ) {
            String name = names.next();
            RequestField field = fields.get(name);
            if (field == null || field.support() == Support.IGNORED) {
                ignored.add(name);
            } else if (field.support() == Support.REFUSED) {
                body.refuseUnless(field.name(), field::asksForNothing, field.advice());
            }
        }
        return ignored;
    }

    private static List<RequestField> all() {
        List<RequestField> all = new ArrayList<>();
        all.addAll(ofPrompts());
        all.addAll(ofSampling());
        all.addAll(ofAnswers());
        all.addAll(ofTools());
        all.addAll(ofResponses());
        all.addAll(ofAccounts());
        all.addAll(ofPeers());
        return List.copyOf(all);
    }

    private static List<RequestField> ofPrompts() {
        return List.of(
                honoured("model", Origin.OPENAI, EVERY, "the base model, an adapter, or several joined by `+`"),
                honoured("messages", Origin.OPENAI, CHAT, "text only"),
                honoured("prompt", Origin.OPENAI, COMPLETIONS, "a string, strings, token ids, or arrays of token ids"),
                refused("suffix", Origin.OPENAI, COMPLETIONS, "no model here fills in the middle", "\"\""),
                honoured("echo", Origin.OPENAI, COMPLETIONS, "with `logprobs`, those of the prompt too"),
                honoured("add_special_tokens", Origin.VLLM, COMPLETIONS, "default true"),
                honoured("truncate_prompt_tokens", Origin.VLLM, EVERY, "keeps the last tokens; -1: as many as fit"),
                refused("echo", Origin.VLLM, CHAT, "send a completion request"),
                refused("documents", Origin.VLLM, CHATS, "write them into a message"),
                honoured("add_generation_prompt", Origin.VLLM, CHATS, "default true"),
                honoured("continue_final_message", Origin.VLLM, CHATS, "the answer goes on with the last message"),
                honoured("chat_template_kwargs", Origin.VLLM, CHATS, "variables of the template: `enable_thinking`"),
                refused("chat_template", Origin.VLLM, CHATS, "the model's own is used"),
                refused("mm_processor_kwargs", Origin.VLLM, CHATS, "text only"),
                refused("prompt_embeds", Origin.VLLM, COMPLETIONS, "text and tokens only"));
    }

    private static List<RequestField> ofSampling() {
        return List.of(
                honoured("temperature", Origin.OPENAI, EVERY, "0 to 2"),
                honoured("top_p", Origin.OPENAI, EVERY, "0 to 1"),
                honoured("seed", Origin.OPENAI, EVERY, "64 bits; the same seed gives the same answer in any batch"),
                honoured("presence_penalty", Origin.OPENAI, EVERY, "-2 to 2"),
                honoured("frequency_penalty", Origin.OPENAI, EVERY, "-2 to 2"),
                honoured("logit_bias", Origin.OPENAI, EVERY, "-100 to 100, by token id"),
                honoured("top_k", Origin.VLLM, EVERY, "0 or -1: all tokens"),
                honoured("min_p", Origin.VLLM, EVERY, "0 to 1"),
                honoured("repetition_penalty", Origin.VLLM, EVERY, "above 0, at most 2; counts the prompt too"),
                refused("use_beam_search", Origin.VLLM, EVERY, "raise `n`"),
                refused("length_penalty", Origin.VLLM, EVERY, "of beam search", "1", "1.0"),
                refused("allowed_token_ids", Origin.VLLM, EVERY, "use `logit_bias`"),
                refused("bad_words", Origin.VLLM, EVERY, "use `logit_bias`"),
                refused("logits_processors", Origin.VLLM, EVERY, "no code in requests"),
                refused("typical_p", Origin.LLAMA_CPP, EVERY, "use `top_p` or `min_p`", "1", "1.0"),
                refused("repeat_penalty", Origin.LLAMA_CPP, EVERY, "use `repetition_penalty`", "1", "1.0"),
                refused("dry_multiplier", Origin.LLAMA_CPP, EVERY, "", "0", "0.0"),
                refused("xtc_probability", Origin.LLAMA_CPP, EVERY, "", "0", "0.0"),
                refused("dynatemp_range", Origin.LLAMA_CPP, EVERY, "", "0", "0.0"),
                refused("mirostat", Origin.LLAMA_CPP, EVERY, "", "0"));
    }

    private static List<RequestField> ofAnswers() {
        return List.of(
                honoured("n", Origin.OPENAI, BOTH, "1 to " + GenerationParams.CHOICES_MAX),
                honoured("best_of", Origin.OPENAI, COMPLETIONS, "the best by mean log-probability; not streamed"),
                honoured(
                        "max_tokens",
                        Origin.OPENAI,
                        BOTH,
                        "default 16 for completions, else to the end of the context"),
                honoured("max_completion_tokens", Origin.OPENAI, BOTH, "the same as `max_tokens`"),
                honoured("stop", Origin.OPENAI, EVERY, "up to " + GenerationParams.STOPS_MAX + " strings"),
                honoured("min_tokens", Origin.VLLM, EVERY, "no end before"),
                honoured("stop_token_ids", Origin.VLLM, EVERY, "in addition to the model's end tokens"),
                honoured("ignore_eos", Origin.VLLM, EVERY, "end tokens do not end the answer"),
                honoured("include_stop_str_in_output", Origin.VLLM, EVERY, "the answer keeps what ended it"),
                honoured("logprobs", Origin.OPENAI, BOTH, "up to " + GenerationParams.LOGPROBS_MAX),
                honoured("top_logprobs", Origin.OPENAI, CHATS, "up to " + GenerationParams.LOGPROBS_MAX),
                honoured("prompt_logprobs", Origin.VLLM, BOTH, "of the prompt's tokens; not streamed"),
                honoured("return_token_ids", Origin.VLLM, BOTH, "`prompt_token_ids` and `token_ids`"),
                honoured("skip_special_tokens", Origin.VLLM, EVERY, "default true"),
                accepted("spaces_between_special_tokens", Origin.VLLM, EVERY, "no spaces are added"),
                refused("return_tokens_as_token_ids", Origin.VLLM, EVERY, "use `return_token_ids`"),
                honoured("stream", Origin.OPENAI, EVERY, ""),
                honoured("stream_options", Origin.OPENAI, EVERY, "`include_usage`"),
                refused("modalities", Origin.OPENAI, CHAT, "text only", "[\"text\"]"),
                refused("audio", Origin.OPENAI, CHAT, "text only"),
                refused("reasoning_effort", Origin.OPENAI, CHAT, ""),
                refused("verbosity", Origin.OPENAI, CHAT, ""),
                accepted("prediction", Origin.OPENAI, CHAT, "only ever saves time"));
    }

    private static List<RequestField> ofTools() {
        return List.of(
                honoured("response_format", Origin.OPENAI, BOTH, "`text`, `json_object`, `json_schema`"),
                honoured("structured_outputs", Origin.VLLM, EVERY, "`json`, `json_object`, `regex`, `choice`"),
                honoured("guided_json", Origin.VLLM, EVERY, ""),
                honoured("guided_regex", Origin.VLLM, EVERY, ""),
                honoured("guided_choice", Origin.VLLM, EVERY, ""),
                accepted("guided_decoding_backend", Origin.VLLM, EVERY, "there is one"),
                refused("guided_grammar", Origin.VLLM, EVERY, "use a schema or a regular expression"),
                refused("structural_tag", Origin.VLLM, EVERY, "use `tools`"),
                refused("grammar", Origin.LLAMA_CPP, EVERY, "use a schema or a regular expression", "\"\""),
                refused("json_schema", Origin.LLAMA_CPP, BOTH, "use `response_format`"),
                honoured("tools", Origin.OPENAI, CHATS, "functions, if the chat template knows tools"),
                honoured("tool_choice", Origin.OPENAI, CHATS, "`auto`, `none`, `required`, or one function"),
                honoured("parallel_tool_calls", Origin.OPENAI, CHATS, "false: one call in a forced answer"),
                refused("functions", Origin.OPENAI, CHAT, "OpenAI's former `tools`"),
                refused("function_call", Origin.OPENAI, CHAT, "OpenAI's former `tool_choice`", "\"none\"", "\"auto\""),
                refused("web_search_options", Origin.OPENAI, CHAT, ""));
    }

    /** What only the Responses API has, or what others have under another name there. */
    private static List<RequestField> ofResponses() {
        return List.of(
                honoured("input", Origin.OPENAI, RESPONSES, "a string, or messages, thoughts, calls and their outputs"),
                honoured("instructions", Origin.OPENAI, RESPONSES, "a system message before the others"),
                honoured("max_output_tokens", Origin.OPENAI, RESPONSES, "default: to the end of the context"),
                honoured("text", Origin.OPENAI, RESPONSES, "`format`: `text`, `json_object`, `json_schema`"),
                honoured("include", Origin.OPENAI, RESPONSES, "`message.output_text.logprobs`"),
                honoured("truncation", Origin.OPENAI, RESPONSES, "`auto` keeps the last tokens that fit"),
                accepted("reasoning", Origin.OPENAI, RESPONSES, "thoughts come as items; no summaries"),
                accepted("max_tool_calls", Origin.OPENAI, RESPONSES, "of OpenAI's own tools"),
                refused("previous_response_id", Origin.OPENAI, RESPONSES, "not stored; send the whole conversation"),
                refused("conversation", Origin.OPENAI, RESPONSES, "not stored; send the whole conversation"),
                refused("background", Origin.OPENAI, RESPONSES, "an answer ends with its connection"),
                refused("prompt", Origin.OPENAI, RESPONSES, "send `input`"),
                refused("n", Origin.OPENAI, RESPONSES, "send several requests", "1"),
                refused("max_tokens", Origin.OPENAI, RESPONSES, "use `max_output_tokens`"),
                refused("max_completion_tokens", Origin.OPENAI, RESPONSES, "use `max_output_tokens`"),
                refused("response_format", Origin.OPENAI, RESPONSES, "use `text.format`"),
                refused("json_schema", Origin.LLAMA_CPP, RESPONSES, "use `text.format`"),
                refused("logprobs", Origin.OPENAI, RESPONSES, "use `include`"),
                refused("prompt_logprobs", Origin.VLLM, RESPONSES, ""),
                refused("return_token_ids", Origin.VLLM, RESPONSES, ""));
    }

    private static List<RequestField> ofAccounts() {
        return List.of(
                honoured("user", Origin.OPENAI, EVERY, "requests of one user wait for each other first"),
                honoured("priority", Origin.VLLM, EVERY, "lowest first, among the waiting requests of the same user"),
                honoured("adapters", Origin.TANDEM, EVERY, "added up for this request"),
                honoured("merged_adapters", Origin.TANDEM, EVERY, "merged for this request"),
                accepted("metadata", Origin.OPENAI, EVERY, "not stored"),
                accepted("store", Origin.OPENAI, CHATS, "not stored"),
                accepted("service_tier", Origin.OPENAI, EVERY, ""),
                accepted("safety_identifier", Origin.OPENAI, EVERY, ""),
                accepted("prompt_cache_key", Origin.OPENAI, EVERY, "prefixes are reused anyway"),
                accepted("prompt_cache_retention", Origin.OPENAI, EVERY, ""),
                refused("cache_salt", Origin.VLLM, EVERY, "prefixes are shared by all who send them", "\"\""));
    }

    private static List<RequestField> ofPeers() {
        return List.of(
                ignored("request_id", Origin.VLLM, "send the header `X-Request-Id`"),
                ignored("kv_transfer_params", Origin.VLLM, ""),
                ignored("vllm_xargs", Origin.VLLM, ""),
                ignored("include_reasoning", Origin.VLLM, ""),
                ignored("cache_prompt", Origin.LLAMA_CPP, "prefixes are reused anyway"),
                ignored("id_slot", Origin.LLAMA_CPP, ""),
                ignored("n_keep", Origin.LLAMA_CPP, ""),
                ignored("n_probs", Origin.LLAMA_CPP, "use `logprobs`"),
                ignored("samplers", Origin.LLAMA_CPP, ""),
                ignored("timings_per_token", Origin.LLAMA_CPP, ""),
                ignored("lora", Origin.LLAMA_CPP, "use `model` or `adapters`"));
    }

    private static RequestField honoured(String name, Origin origin, Set<Route> routes, String note) {
        return new RequestField(name, origin, routes, Support.HONOURED, List.of(), note);
    }

    private static RequestField accepted(String name, Origin origin, Set<Route> routes, String note) {
        return new RequestField(name, origin, routes, Support.ACCEPTED, List.of(), note);
    }

    private static RequestField refused(String name, Origin origin, Set<Route> routes, String note, String... neutral) {
        return new RequestField(name, origin, routes, Support.REFUSED, List.of(neutral), note);
    }

    private static RequestField ignored(String name, Origin origin, String note) {
        return new RequestField(name, origin, EVERY, Support.IGNORED, List.of(), note);
    }
}
