package io.tandem.kernels.model;

/**
 * What an adapter can change in a decoder layer, in the order of the computation: a linear, by HuggingFace's name, of which
 * {@link ModelConfig#modules} are those of a model; or what attention or the MLP add to the residual stream.
 */
public enum TargetModule {
    Q_PROJ("self_attn", "q_proj"),
    K_PROJ("self_attn", "k_proj"),
    V_PROJ("self_attn", "v_proj"),
    /** Queries, keys and values in one. */
    QKV_PROJ("self_attn", "qkv_proj"),
    O_PROJ("self_attn", "o_proj"),
    /** No linear: the output of attention, where a bottleneck is. */
    ATTENTION("self_attn", "attention_output"),
    GATE_PROJ("mlp", "gate_proj"),
    UP_PROJ("mlp", "up_proj"),
    /** Gate and up in one. */
    GATE_UP_PROJ("mlp", "gate_up_proj"),
    DOWN_PROJ("mlp", "down_proj"),
    EXPERT_GATE_PROJ("mlp.experts", "gate_proj"),
    EXPERT_UP_PROJ("mlp.experts", "up_proj"),
    EXPERT_DOWN_PROJ("mlp.experts", "down_proj"),
    /** Mixtral's name of an expert's gate. */
    EXPERT_W1("block_sparse_moe.experts", "w1"),
    /** Mixtral's name of an expert's up projection. */
    EXPERT_W3("block_sparse_moe.experts", "w3"),
    /** Mixtral's name of an expert's down projection. */
    EXPERT_W2("block_sparse_moe.experts", "w2"),
    /** No linear: the output of the MLP or of all experts together, where a bottleneck is. */
    MLP("mlp", "mlp_output");

    private final String parent;
    private final String label;

    TargetModule(String parent, String label) {
        this.parent = parent;
        this.label = label;
    }

    /** The block it belongs to, for example {@code self_attn}; that of experts, {@code mlp.experts}, comes before a number. */
    public String parent() {
        return parent;
    }

    /** Whether it is a linear, and not the output of a block. */
    public boolean isLinear() {
        return this != ATTENTION && this != MLP;
    }

    /** Whether each expert has one. */
    public boolean ofExperts() {
        return parent.endsWith(".experts");
    }

    /** HuggingFace's name of a linear, for example {@code q_proj}; a block has none there. */
    public String label() {
        return label;
    }

    /** Columns of its weight; of a block the width of the residual stream. */
    public int inputs(ModelConfig model) {
        return switch (this) {
            case Q_PROJ,
                    K_PROJ,
                    V_PROJ,
                    QKV_PROJ,
                    GATE_PROJ,
                    UP_PROJ,
                    GATE_UP_PROJ,
                    EXPERT_GATE_PROJ,
                    EXPERT_UP_PROJ,
                    EXPERT_W1,
                    EXPERT_W3,
                    ATTENTION,
                    MLP -> model.hidden();
            case O_PROJ -> model.heads() * model.headDim();
            case DOWN_PROJ, EXPERT_DOWN_PROJ, EXPERT_W2 -> model.ffn();
        };
    }

    /** Rows of its weight; of a block the width of the residual stream. */
    public int outputs(ModelConfig model) {
        return switch (this) {
            case Q_PROJ -> model.heads() * model.headDim();
            case K_PROJ, V_PROJ -> model.kvHeads() * model.headDim();
            case QKV_PROJ -> model.qkvRows();
            case O_PROJ, DOWN_PROJ, EXPERT_DOWN_PROJ, EXPERT_W2, ATTENTION, MLP -> model.hidden();
            case GATE_PROJ, UP_PROJ, EXPERT_GATE_PROJ, EXPERT_UP_PROJ, EXPERT_W1, EXPERT_W3 -> model.ffn();
            case GATE_UP_PROJ -> 2 * model.ffn();
        };
    }
}
